/** Members do not fold their write-ahead files at the same batch. */
import { randomUUID } from 'node:crypto';
import t from 'tap';
import { foldAfter } from '#src/adapters/store-sqlite/replica/fold-after.js';

t.test('every start folds after about a thousand batches, and no two after the same', async (t) => {
  t.equal(foldAfter('00000000-0000-4000-8000-000000000000'), 750);
  t.equal(foldAfter('ffffffff-ffff-4fff-bfff-ffffffffffff'), 1249);
  t.equal(foldAfter('80000000-0000-4000-8000-000000000000'), 1000);
  const some = Array.from({ length: 100 }, () => foldAfter(randomUUID()));
  t.ok(some.every((batches) => Number.isInteger(batches) && batches >= 750 && batches < 1250));
  t.ok(new Set(some).size > 50, 'of five hundred numbers');
});

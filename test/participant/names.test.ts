/** The names in a publish directory: what is written is read back as the same, and nothing else is. */
import fc from 'fast-check';
import t from 'tap';
import type { Slot, TransactionId } from '#src/machine/entry.js';
import {
  formatStaged,
  isPlain,
  isTemporary,
  makeTransactionId,
  parsePublished,
  parseStaged,
  parseTrash,
  publishedName,
  replacedName,
  trashName,
} from '#src/participant/names.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
t.comment(`SEED=${String(seed)}`);
const groups = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

await t.test(
  'T3 a staged name carries cluster, group, transaction, epoch and round, and is read back whole',
  async (t) => {
    fc.assert(
      fc.property(
        groups,
        fc.integer({ min: 1 }),
        fc.nat(),
        fc.integer({ min: 1, max: 99 }),
        (group, slot, inc, round) => {
          const name = {
            kind: 'staged',
            cluster: '083e378e-1578-468e-a72d-edd516ec2d69',
            group,
            transaction: makeTransactionId(slot, new Uint8Array(16)),
            epoch: { incarnation: inc, slot: slot as Slot },
            round,
          } as const;
          const text = formatStaged(name);
          return (
            text.length < 256 &&
            JSON.stringify(parseStaged(text)) === JSON.stringify(name) &&
            parsePublished(text) === null
          );
        },
      ),
      { seed },
    );
    t.pass('100 names');
  },
);

await t.test('published names are read back with their part', async (t) => {
  t.strictSame(parsePublished(publishedName('app', 12)), { group: 'app', generation: 12, part: 'snapshot' });
  t.strictSame(parsePublished(replacedName('app', 12)), { group: 'app', generation: 12, part: 'replaced' });
  for (const other of ['app@0', 'app@01', 'app@current', 'app', '@1', 'app@1.x', '.app@1', 'app@1 ', 'a/b@1']) {
    t.equal(parsePublished(other), null, other);
  }
});

await t.test('T11 trash names say whose they are; foreign and odd names are none of ours', async (t) => {
  t.strictSame(parseTrash(trashName('cluster', 'id')), { cluster: 'cluster' });
  for (const other of ['.trash', '.trash~x', 'trash~a~b', '.staged~a~b']) t.equal(parseTrash(other), null, other);
  t.ok(isTemporary('.stamp.new') && isTemporary('.app@current.new') && isTemporary('app@3.manifest.json.new'));
  t.notOk(isTemporary('app@3') || isTemporary('notes.new') || isPlain('app@3.replaced'));
});

await t.test('transaction ids sort by their time and are 26 characters', async (t) => {
  const ids = [0, 1, 31, 32, 1_800_000_000_000].map((now): TransactionId => makeTransactionId(now, new Uint8Array(16)));
  t.strictSame([...ids].sort(), ids);
  for (const id of ids) t.match(id, /^[0-9a-z]{26}$/);
});

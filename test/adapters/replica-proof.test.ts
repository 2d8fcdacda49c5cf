/** Which rows the hash chain proves, where whole rows are of an older writing. */
import t from 'tap';
import { CHAIN_START, rowOf, type StoredRow } from '#src/adapters/store-sqlite/format.js';
import { damagedSlots } from '#src/adapters/store-sqlite/replica/proof.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { entry } from '../contract/log-store.js';

function rowsOf(...contents: readonly string[]): StoredRow[] {
  let chain = CHAIN_START;
  return contents.map((text, index) => {
    const row = rowOf(chain, slot(index + 1), entry(text));
    chain = row.chain;
    return row;
  });
}

t.test('D10 rows of an older writing are damaged, though each of them is whole and follows', async (t) => {
  const older = rowsOf('1', '2', '3', '4', '5');
  const newer = rowsOf('1', '2', 'c', 'd', 'e');
  const end = { slot: 5, chain: newer[4]?.chain ?? CHAIN_START };
  const found = (rows: readonly (StoredRow | undefined)[]): readonly number[] =>
    damagedSlots((at) => rows[at - 1], { slot: 0, chain: CHAIN_START }, end);
  t.same(found(newer), []);
  t.same(found(older), [1, 2, 3, 4, 5], 'the end is another one');
  t.same(found([...older.slice(0, 4), ...newer.slice(4)]), [1, 2, 3, 4], 'only what leads to the end is believed');
});

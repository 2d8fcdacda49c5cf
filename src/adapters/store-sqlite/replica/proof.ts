/**
 * Which rows can be believed, and whether rows from a peer are what stood in damaged slots. PURE but for hashing.
 *
 * A run is a stretch of whole rows, each of which follows from the one before it. What proves a run is where it ends: at
 * the log's end, whose chain the meta row holds, it is what was last written. A run that begins at a known chain and ends
 * at a row that is missing or fails its checksum is believed as well. Any other run is damaged as a whole: a page that
 * went back to an older writing holds whole rows that follow from one another, and only its end shows it.
 */
import { slot, type LogEntry, type Slot } from '../../../paxos/contiguous-log.js';
import { follows, isWhole, rowOf, type StoredRow } from '../format.js';

/** What stands in a slot; undefined when there is nothing or it cannot be read. */
export type RowReader = (at: number) => StoredRow | undefined;

/** A slot, and the hash chain at it. */
export interface Anchor {
  readonly slot: number;
  readonly chain: Buffer;
}

/** The damaged slots after `start` up to `end`, ascending. */
export function damagedSlots(read: RowReader, start: Anchor, end: Anchor): Slot[] {
  const damaged: number[] = [];
  let chain: Buffer | null = start.chain;
  let run: number[] = [];
  let known = true;
  for (let at = start.slot + 1; at <= end.slot; at += 1) {
    const row = read(at);
    if (!isWhole(row, at)) {
      damaged.push(...(known ? [] : run), at);
      [chain, run, known] = [null, [], false];
      continue;
    }
    if (chain === null || !follows(chain, row)) {
      damaged.push(...run);
      [run, known] = [[], false];
    }
    run.push(at);
    chain = row.chain;
  }
  if (chain?.equals(end.chain) !== true) damaged.push(...run);
  return damaged.sort((a, b) => a - b).map(slot);
}

/**
 * The rows to write when `entries` go in the slots after `before`: null when they do not lead from there to the row after
 * them, or to the log's end.
 */
export function provenRows(
  read: RowReader,
  before: Anchor,
  end: Anchor,
  entries: readonly LogEntry[],
): readonly StoredRow[] | null {
  const rows: StoredRow[] = [];
  let { chain, slot: at } = before;
  for (const entry of entries) {
    at += 1;
    const row = rowOf(chain, slot(at), entry);
    rows.push(row);
    chain = row.chain;
  }
  if (at >= end.slot) return at === end.slot && chain.equals(end.chain) ? rows : null;
  const next = read(at + 1);
  return isWhole(next, at + 1) && follows(chain, next) ? rows : null;
}

/** What is kept below a checkpoint for peers that lag a little, in the store and in memory. PURE. */
import { entryAt, slot, type ContiguousLog, type Slot } from '../paxos/contiguous-log.js';

/**
 * So many of the newest entries up to `at`: at most `slotsMax`, and of those that are in memory no more than `bytesMax`
 * bytes.
 */
export function keptSlots(log: ContiguousLog, at: Slot, slotsMax: number, bytesMax: number): number {
  let bytes = 0;
  for (let kept = 0; kept < slotsMax; kept += 1) {
    const entry = entryAt(log, slot(at - kept));
    // What a start has not read is no more than the checkpoint before it has left.
    if (entry === undefined) return slotsMax;
    bytes += entry.bytes.length;
    if (bytes > bytesMax) return kept;
  }
  return slotsMax;
}

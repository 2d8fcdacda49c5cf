/** Scrubbing in slices, so that no batch waits for more than one of them. */
import type { Slot } from '../../../paxos/contiguous-log.js';
import type { ScrubReport } from '../../../ports/replica-store.js';
import type { ArchiveKey, ReplicaView } from './reading.js';

const SLICE_ROWS = 256;

export type ScrubCursor =
  | { readonly part: 'rows'; readonly after: number }
  | { readonly part: 'checkpoint' }
  | { readonly part: 'archive'; readonly from: ArchiveKey };

export interface ScrubSlice {
  /** Null after the last. */
  readonly next: ScrubCursor | null;
  readonly rows: number;
  readonly rowsWhole: boolean;
  readonly checkpointDamaged: boolean;
  readonly archive: readonly ArchiveKey[];
}

const NOTHING = { rows: 0, rowsWhole: true, checkpointDamaged: false, archive: [] };

export function scrubSlice(view: ReplicaView, cursor: ScrubCursor): ScrubSlice {
  if (cursor.part === 'rows') {
    const { next, rows, whole } = view.lookThrough(cursor.after, SLICE_ROWS);
    const isLast = next >= view.head.last;
    return {
      ...NOTHING,
      rows,
      rowsWhole: whole,
      next: isLast ? { part: 'checkpoint' } : { part: 'rows', after: next },
    };
  }
  if (cursor.part === 'checkpoint') {
    const next = { part: 'archive', from: { group: '', generation: 0 } } as const;
    const damaged = view.head.checkpoint > 0 && view.wholeCheckpoint() === null;
    return { ...NOTHING, next, checkpointDamaged: damaged };
  }
  const { next, damaged } = view.lookThroughArchive(cursor.from, SLICE_ROWS);
  return { ...NOTHING, archive: damaged, next: next === null ? null : { part: 'archive', from: next } };
}

/** The whole scrub. Which rows are damaged is asked for only where a slice has found some: that takes all rows at once. */
export async function scrubAll(
  slice: (cursor: ScrubCursor) => Promise<ScrubSlice>,
  damagedRows: () => Promise<readonly Slot[]>,
  rest: (() => Promise<void>) | undefined,
): Promise<ScrubReport> {
  let cursor: ScrubCursor | null = { part: 'rows', after: 0 };
  let [rows, whole, checkpointDamaged] = [0, true, false];
  const archive: ArchiveKey[] = [];
  while (cursor !== null) {
    const found: ScrubSlice = await slice(cursor);
    rows += found.rows;
    whole &&= found.rowsWhole;
    checkpointDamaged ||= found.checkpointDamaged;
    archive.push(...found.archive);
    cursor = found.next;
    if (cursor !== null) await rest?.();
  }
  return { rows, damaged: whole ? [] : await damagedRows(), checkpointDamaged, archive };
}

/**
 * What a replica's process holds in memory, and how it comes to it: the checkpoint's state and the rows after it, or
 * what it held before and the rows that another process has added since. Reads only.
 */
import { assertInvariant, InvariantError, SnapcommitError } from '../errors.js';
import { apply } from '../machine/apply.js';
import { emptyState, type State } from '../machine/state.js';
import { nodeId, sameBallot } from '../paxos/ballot.js';
import { logFrom, slot, type LogEntry, type Slot } from '../paxos/contiguous-log.js';
import { restore, type Replica } from '../paxos/state.js';
import type { StoreView } from '../ports/log-store.js';
import { decodeEntry, decodeState } from './codec.js';

export interface Memory {
  /** Every decided slot applied. */
  readonly state: State;
  readonly replica: Replica;
}

/** @throws LOG_CORRUPT when a row or the checkpoint cannot be read. */
export function catchUp(view: StoreView, memory: Memory | null, file: string): Memory {
  assertStillEmbedded(view, file);
  const { head } = view;
  assertInvariant(head.applied === head.decided, 'I9', `slot ${String(head.decided)} is decided and not applied`);
  // A checkpoint may have taken the rows that we would go on from.
  const start = memory !== null && memory.state.applied >= head.base ? memory.state : startingState(view, file);
  if (start.applied > head.decided) throw setBack(file, start.applied, head.decided);
  const rows = view.entries(slot(start.applied));
  const decided = rows.slice(0, head.decided - start.applied);
  const state = decided.reduce((before, row) => replay(before, row, file), start);
  if (memory !== null && isCurrent(memory.replica, view)) return { state, replica: memory.replica };
  const log = logFrom(head.decided, rows.slice(decided.length));
  const durable = { promised: head.promised, accepted: head.accepted, decided: head.decided, log, abstains: null };
  return { state, replica: restore(nodeId(view.identity.node), view.identity.configuration, durable) };
}

/** Another process may have made the store a cluster's since we opened it: then only the daemon votes with it (T2). */
function assertStillEmbedded({ identity }: StoreView, file: string): void {
  if (identity.mode === 'embedded') return;
  throw new SnapcommitError(
    'UNAVAILABLE',
    `the log ${file} belongs to a cluster now, and only its daemon may use it: start \`snapcommit daemon\`, then run the command again`,
    { file },
  );
}

function startingState(view: StoreView, file: string): State {
  const bytes = view.checkpoint();
  if (bytes === null) return emptyState(view.identity.incarnation);
  const at = view.head.checkpoint;
  const state = readable(() => decodeState(bytes), at, file);
  assertInvariant(
    state.applied === at,
    'I9',
    `the checkpoint of slot ${String(at)} holds slot ${String(state.applied)}`,
  );
  return state;
}

function replay(before: State, row: LogEntry, file: string): State {
  const at = slot(before.applied + 1);
  const entry = readable(() => decodeEntry(row.bytes), at, file);
  return apply(before, at, entry).state;
}

/** Nobody else has taken a ballot or written a row since this replica's last step. */
function isCurrent(replica: Replica, { head }: StoreView): boolean {
  return replica.decided === head.decided && sameBallot(replica.promised, head.promised);
}

/** Bytes that pass their checksum and still are not what they must be: another program's writing. */
export function readable<T>(decode: () => T, at: Slot, file: string): T {
  try {
    return decode();
  } catch (cause) {
    if (cause instanceof InvariantError) throw cause;
    const what = cause instanceof Error ? cause.message : 'it cannot be decoded';
    throw new SnapcommitError(
      'LOG_CORRUPT',
      `the log is damaged: slot ${String(at)} of ${file}: ${what}. Nothing was changed`,
      { file, slot: at, what },
      cause,
    );
  }
}

function setBack(file: string, applied: number, decided: number): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log ${file} was set back from slot ${String(applied)} to slot ${String(decided)} while it was open. Put the newer file back`,
    { file, slot: decided },
  );
}

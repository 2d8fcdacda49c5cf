/**
 * One batch of entries through the replica, inside one transaction of the store: step, persist, apply. What it answers
 * may leave only after that transaction's sync; host.ts sees to that.
 */
import { assertInvariant, InvariantError, unreachable } from '../errors.js';
import { apply } from '../machine/apply.js';
import type { Outcome, Slot } from '../machine/entry.js';
import type { ArchiveChange, State } from '../machine/state.js';
import { slot, type LogEntry } from '../paxos/contiguous-log.js';
import type { Effect } from '../paxos/effects.js';
import { step } from '../paxos/replica.js';
import type { Replica } from '../paxos/state.js';
import type { StoreTransaction } from '../ports/log-store.js';
import { decodeEntry, encodeGeneration, encodeState } from './codec.js';
import type { Memory } from './memory.js';

/** After this many applied slots the state is checkpointed, in the transaction of the batch that reaches it. */
export const CHECKPOINT_INTERVAL_SLOTS = 16;

/**
 * A state of so few records is checkpointed by the batch that ends the last transaction, too, or that changes a group while
 * there is none (a prune): that costs the batch less than reading, checking and applying its rows costs the next command,
 * whichever it is.
 */
const SMALL_STATE_RECORDS = 64;

export interface ChosenEntry {
  readonly slot: Slot;
  readonly outcome: Outcome;
}

export interface Batch {
  readonly memory: Memory;
  /** In the order of the proposals. */
  readonly chosen: readonly ChosenEntry[];
}

/** With one voter, every proposal is chosen in the step that proposes it. */
export function commitBatch(transaction: StoreTransaction, memory: Memory, entries: readonly Uint8Array[]): Batch {
  const leads = memory.replica.role.kind === 'leading';
  const { state: replica, effects } = step(memory.replica, { kind: leads ? 'propose' : 'campaign', entries });
  let { state } = memory;
  let firstProposed: number | null = null;
  const chosen: ChosenEntry[] = [];
  for (const effect of effects) {
    if (effect.kind === 'persist') transaction.write(effect.write);
    else if (effect.kind === 'proposed') firstProposed = effect.first;
    else if (effect.kind === 'chosen') state = applyChosen(transaction, state, effect.first, effect.entries, chosen);
    else refuseEffect(effect);
  }
  transaction.setApplied(slot(state.applied));
  const ours = chosen.filter((one) => firstProposed !== null && one.slot >= firstProposed);
  assertInvariant(ours.length === entries.length, 'I9', 'a single voter did not choose what it proposed');
  const isDue = state.applied - transaction.head.checkpoint >= CHECKPOINT_INTERVAL_SLOTS;
  if (isDue || (isSmall(state) && comesToRest(memory.state, state))) writeCheckpoint(transaction, state);
  return { memory: { state, replica: forgetDecided(replica) }, chosen: ours };
}

function applyChosen(
  transaction: StoreTransaction,
  before: State,
  first: number,
  entries: readonly LogEntry[],
  chosen: ChosenEntry[],
): State {
  let state = before;
  for (const [index, { bytes }] of entries.entries()) {
    const at = slot(first + index);
    const applied = apply(state, at, decodeEntry(bytes));
    for (const archived of applied.archive) archive(transaction, archived);
    state = applied.state;
    chosen.push({ slot: at, outcome: applied.outcome });
  }
  return state;
}

function archive(transaction: StoreTransaction, change: ArchiveChange): void {
  switch (change.kind) {
    case 'put':
      transaction.putArchived(change.record.group, change.record.generation, encodeGeneration(change.record));
      return;
    case 'delete':
      transaction.deleteArchived(change.group, change.generation);
      return;
    default:
      unreachable(change);
  }
}

function comesToRest(before: State, after: State): boolean {
  return !isAtWork(after) && (isAtWork(before) || before.groups !== after.groups);
}

function isAtWork({ open, pending }: State): boolean {
  return Object.keys(open).length > 0 || Object.keys(pending).length > 0;
}

function isSmall({ volumes, groups, sessions, holds, pins, appends }: State): boolean {
  const counts = [volumes, groups, sessions, holds, pins, appends.clients].map(
    (records) => Object.keys(records).length,
  );
  return counts.reduce((sum, count) => sum + count) <= SMALL_STATE_RECORDS;
}

/** Nobody lags behind a single voter, so no row below its checkpoint is kept. */
export function writeCheckpoint(transaction: StoreTransaction, state: State): void {
  transaction.writeCheckpoint(encodeState(state), 0);
}

/** The rows are in the store; in memory they would only grow. */
function forgetDecided(replica: Replica): Replica {
  return step(replica, { kind: 'compact', through: replica.decided }).state;
}

function refuseEffect(effect: Exclude<Effect, { readonly kind: 'persist' | 'proposed' | 'chosen' }>): never {
  throw new InvariantError('I9', `a single voter has nobody to ${effect.kind} to`);
}

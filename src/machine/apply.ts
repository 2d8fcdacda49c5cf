/**
 * The replicated state machine: one entry in, the next state, its outcome and its archive changes out. PURE: no clock,
 * no randomness, no I/O; the same entries give the same bytes on every node (P10).
 *
 * Invariants: M1 entries are applied in slot order without gaps. M2 a group's numbers only rise; none is used twice.
 * M3 runs are ascending and neither touch nor overlap; `incomplete` and `contents` lie within `live`. M4 an open
 * transaction's group and volumes exist, and no two open ones share a volume or a freeze target. M5 a decision never
 * changes. M6 `clock` rises with every commit. M7 what is held, pinned, pending or being restored is live. M8 an append
 * is carried out once (appends.ts). M9 a generation's volume that no node said published is waited for at the node where
 * it is now, unless it is forfeited; and no node is waited for that has none.
 */
import { assertInvariant, unreachable } from '../errors.js';
import { answerAppend, rememberAppend, sweepAppends } from './appends.js';
import { begin } from './begin.js';
import { chainArchive } from './digest.js';
import type { Entry, Operation, Outcome, Slot } from './entry.js';
import { drainNode, undrainNode } from './draining.js';
import { createGroup, removeGroup, updateGroup } from './groups.js';
import { addHold, releaseHold } from './holds.js';
import { moveVolume } from './moving.js';
import { putMember, removeMember } from './nodes.js';
import { addPin, releasePin } from './pins.js';
import { published } from './publishing.js';
import { retire } from './retire.js';
import { answerRepeat, rememberRequest, sweepSessions } from './sessions.js';
import type { ArchiveChange, State } from './state.js';
import type { Step, StepContext } from './step.js';
import { addToken, sweepTokens, useToken } from './tokens.js';
import { abort, commit, takeOver } from './transactions.js';
import { addVolume, forfeitVolume, removeVolume } from './volumes.js';

export interface Applied {
  readonly state: State;
  readonly outcome: Outcome;
  /** The slot that `outcome` comes from: this entry's, or, where it is a copy, that of the one that was carried out. */
  readonly slot: Slot;
  /** To be written together with the state, in this order. */
  readonly archive: readonly ArchiveChange[];
}

/** Throws an InvariantError (and nothing else) when `slot` is not the one after `state.applied`. */
export function apply(state: State, slot: Slot, entry: Entry): Applied {
  const next = state.applied + 1;
  assertInvariant(slot === next, 'M1', `slot ${String(slot)} came where slot ${String(next)} was due`);
  const repeated = answerAppend(state, slot, entry);
  const {
    state: stepped,
    outcome,
    archive,
  } = repeated === null ? carryOut(state, slot, entry) : { state, outcome: repeated.outcome, archive: [] };
  const remembered = repeated === null ? rememberAppend(stepped, slot, entry, outcome) : stepped;
  const swept = sweepTokens(sweepAppends(sweepSessions(remembered, slot), slot), contextOf(slot, entry));
  const archiveDigest = archive.reduce(chainArchive, state.archiveDigest);
  const answered = repeated?.slot ?? slot;
  return { state: { ...swept, applied: slot, archiveDigest }, outcome, slot: answered, archive };
}

function contextOf(slot: Slot, { at, request }: Entry): StepContext {
  return { slot, at, request: request?.id ?? null };
}

function carryOut(state: State, slot: Slot, entry: Entry): Step {
  const repeated = answerRepeat(state, slot, entry);
  if (repeated !== null) return { state, outcome: repeated, archive: [] };
  const step = reduce(state, entry.operation, contextOf(slot, entry));
  return { ...step, state: rememberRequest(step.state, slot, entry, step.outcome) };
}

function reduce(state: State, operation: Operation, context: StepContext): Step {
  switch (operation.type) {
    case 'addVolume':
      return addVolume(state, operation);
    case 'removeVolume':
      return removeVolume(state, operation);
    case 'forfeitVolume':
      return forfeitVolume(state, operation);
    case 'moveVolume':
      return moveVolume(state, operation);
    case 'createGroup':
      return createGroup(state, operation);
    case 'updateGroup':
      return updateGroup(state, operation);
    case 'removeGroup':
      return removeGroup(state, operation);
    case 'begin':
      return begin(state, operation, context);
    case 'takeOver':
      return takeOver(state, operation, context);
    case 'commit':
      return commit(state, operation, context);
    case 'abort':
      return abort(state, operation, context);
    case 'published':
      return published(state, operation);
    case 'retire':
      return retire(state, operation);
    case 'addHold':
      return addHold(state, operation);
    case 'releaseHold':
      return releaseHold(state, operation);
    case 'addPin':
      return addPin(state, operation);
    case 'releasePin':
      return releasePin(state, operation);
    case 'addToken':
      return addToken(state, operation, context);
    case 'useToken':
      return useToken(state, operation, context);
    case 'putMember':
      return putMember(state, operation);
    case 'removeMember':
      return removeMember(state, operation);
    case 'drainNode':
      return drainNode(state, operation);
    case 'undrainNode':
      return undrainNode(state, operation);
    default:
      return unreachable(operation);
  }
}

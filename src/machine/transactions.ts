/**
 * Deciding transactions: take over, commit, abort. PURE. The first of commit and abort in slot order wins; the loser
 * changes nothing and is told what was decided (L4). An epoch is current from its slot until the next take-over.
 */
import { assertInvariant } from '../errors.js';
import type { Abort, Commit, Manifest, TakeOver } from './entry.js';
import { LATEST_TIME } from './begin.js';
import { decide, decidedAlready, epochProblem, sameEpoch, takenOverProblem } from './decisions.js';
import { digestOf } from './digest.js';
import { generationKey } from './keys.js';
import { manifestProblem, nodesOf } from './manifests.js';
import { finishedTransaction } from './queries.js';
import { lookup, sortedUnique, withKey } from './record.js';
import { unionRuns } from './runs.js';
import type { GenerationRecord, GroupState, OpenTransaction, Run, State } from './state.js';
import { done, refused, type Step, type StepContext } from './step.js';

export function takeOver(state: State, operation: TakeOver, { slot }: StepContext): Step {
  const { transaction, coordinator } = operation;
  const open = lookup(state.open, transaction);
  if (open === undefined) return refused(state, decidedAlready(state, operation));
  const epoch = { incarnation: state.incarnation, slot };
  const taken: OpenTransaction = { ...open, epoch, coordinator, takenOver: true };
  return done({ ...state, open: withKey(state.open, transaction, taken) }, { transaction });
}

export function commit(state: State, operation: Commit, context: StepContext): Step {
  const { transaction, epoch, manifest } = operation;
  const open = lookup(state.open, transaction);
  if (open === undefined) return commitAgain(state, operation);
  const problem = epochProblem(open, epoch) ?? takenOverProblem(open) ?? manifestProblem(open.begin, manifest);
  if (problem !== null) return refused(state, problem);
  const group = lookup(state.groups, open.begin.group);
  assertInvariant(group !== undefined, 'M4', `transaction ${transaction} is open in a group that does not exist`);
  const record = recordOf(state, group, open, manifest, context);
  const { generation } = record;
  const key = generationKey(record.group, generation);
  const committed: State = {
    ...state,
    clock: record.committedAt,
    groups: withKey(state.groups, record.group, withGeneration(group, generation, manifest)),
    pending: withKey(state.pending, key, { record, nodes: nodesOf(manifest) }),
  };
  const decided = decide(committed, open, { kind: 'committed', generation }, context, digestOf(manifest));
  return done(decided, { generation, transaction }, [{ kind: 'put', record }]);
}

export function abort(state: State, operation: Abort, context: StepContext): Step {
  const { transaction, epoch, code, reason } = operation;
  const open = lookup(state.open, transaction);
  if (open === undefined) {
    const finished = finishedTransaction(state, transaction);
    if (finished?.decision.kind === 'aborted') return done(state, { transaction });
    return refused(state, decidedAlready(state, operation));
  }
  const problem = epochProblem(open, epoch);
  if (problem !== null) return refused(state, problem);
  return done(decide(state, open, { kind: 'aborted', code, reason }, context, null), { transaction });
}

function recordOf(
  state: State,
  group: GroupState,
  { begin, epoch }: OpenTransaction,
  manifest: Manifest,
  { slot, at }: StepContext,
): GenerationRecord {
  return {
    group: begin.group,
    generation: group.newest + 1,
    transaction: begin.transaction,
    mode: begin.mode,
    epoch,
    slot,
    committedAt: Math.max(state.clock + 1, usableTime(at)),
    message: begin.message,
    labels: begin.labels,
    sourceGeneration: begin.sourceGeneration,
    manifest,
  };
}

/** A decision is never refused because of a clock: an unusable time counts as none. */
function usableTime(at: number): number {
  return Number.isSafeInteger(at) && at <= LATEST_TIME ? at : 0;
}

function withGeneration(group: GroupState, generation: number, manifest: Manifest): GroupState {
  const added: readonly Run[] = [[generation, generation]];
  const held = manifest.volumes.map((volume) => volume.volume);
  const contents = { ...group.contents };
  for (const volume of sortedUnique(held)) contents[volume] = unionRuns(lookup(contents, volume) ?? [], added);
  return { ...group, newest: generation, live: unionRuns(group.live, added), contents };
}

/** The same commit again is told its generation; a different one, that it lost. */
function commitAgain(state: State, operation: Commit): Step {
  const { transaction, epoch, manifest } = operation;
  const finished = finishedTransaction(state, transaction);
  const decision = finished?.decision;
  if (finished !== undefined && decision?.kind === 'committed') {
    const same = sameEpoch(finished.epoch, epoch) && finished.manifestDigest === digestOf(manifest);
    if (same) return done(state, { generation: decision.generation, transaction });
  }
  return refused(state, decidedAlready(state, operation));
}

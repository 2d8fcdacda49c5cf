/**
 * `retire`: whole generations leave the group (G10), before anything of theirs is deleted. PURE. All of the named ones
 * or none: what somebody reads, holds or still publishes is refused (T13).
 */
import type { Retire } from './entry.js';
import { generationKey } from './keys.js';
import { generationNotFound, groupNotFound } from './refusals.js';
import { protectionsOf } from './protection.js';
import { lookup, mapRecord, withKey } from './record.js';
import { hasNumber, runsOf, subtractRuns, type Runs } from './runs.js';
import type { ArchiveChange, GroupState, State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

export function retire(state: State, operation: Retire): Step {
  const { group, generations } = operation;
  const found = lookup(state.groups, group);
  if (found === undefined) return refused(state, groupNotFound(group));
  const problem = orderProblem(operation) ?? notLive(found, operation) ?? inUse(state, operation);
  if (problem !== null) return refused(state, problem);
  const groups = withKey(state.groups, group, withoutGenerations(found, runsOf(generations)));
  const archive = generations.map((generation): ArchiveChange => ({ kind: 'delete', group, generation }));
  return done({ ...state, groups }, {}, archive);
}

function orderProblem({ group, generations }: Retire): Refusal | null {
  if (generations.every((generation, i) => generation > (generations[i - 1] ?? 0))) return null;
  const message = `The generations of ${group} to retire must be named in ascending order, each once.`;
  return refusal('USAGE', message, { group });
}

function notLive(found: GroupState, { group, generations }: Retire): Refusal | null {
  const gone = generations.find((generation) => !hasNumber(found.live, generation));
  return gone === undefined ? null : generationNotFound(group, gone);
}

function inUse(state: State, { group, generations }: Retire): Refusal | null {
  const protections = protectionsOf(state, group);
  for (const generation of generations) {
    const protection = protections.get(generation);
    if (protection === undefined) continue;
    const { reason, explanation } = protection;
    const message = `Nothing was retired: ${generationKey(group, generation)} is in use, since ${explanation}.`;
    return refusal('IN_USE', message, { group, generation, reason });
  }
  return null;
}

function withoutGenerations(group: GroupState, gone: Runs): GroupState {
  const contents = mapRecord(group.contents, (runs) => {
    const left = subtractRuns(runs, gone);
    return left.length === 0 ? undefined : left;
  });
  return {
    ...group,
    live: subtractRuns(group.live, gone),
    incomplete: subtractRuns(group.incomplete, gone),
    contents,
  };
}

/**
 * Groups: create, update, remove. PURE. A group changes only between rounds (G2), and its generations' numbers are
 * never used again, not even after it was removed and made anew.
 */
import type { CreateGroup, GroupRecord, RemoveGroup, UpdateGroup } from './entry.js';
import { canonicalJson } from './digest.js';
import { badName, groupNotFound, volumeNotFound } from './refusals.js';
import { CGROUP_LAW, parseCgroupTarget, parseUnitTarget, UNIT_LAW, type FreezeTargetName } from './freeze-targets.js';
import { generationKey } from './keys.js';
import { isName } from './names.js';
import { liveGenerations, openTransactionOf } from './queries.js';
import { protectionsOf } from './protection.js';
import { lookup, sortedUnique, withKey, withoutKey } from './record.js';
import type { ArchiveChange, GroupState, State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

export function createGroup(state: State, { group }: CreateGroup): Step {
  const problem = takenName(state, group) ?? recordProblem(state, group);
  if (problem !== null) return refused(state, problem);
  const newest = lookup(state.retiredNewest, group.name) ?? 0;
  const created: GroupState = { record: normalised(group), newest, live: [], incomplete: [], contents: {} };
  return done({
    ...state,
    groups: withKey(state.groups, group.name, created),
    retiredNewest: withoutKey(state.retiredNewest, group.name),
  });
}

export function updateGroup(state: State, { group, replaces }: UpdateGroup): Step {
  const found = lookup(state.groups, group.name);
  if (found === undefined) return refused(state, groupNotFound(group.name));
  const problem =
    inTransaction(state, group.name) ?? changedSince(found.record, replaces) ?? recordProblem(state, group);
  if (problem !== null) return refused(state, problem);
  return done({ ...state, groups: withKey(state.groups, group.name, { ...found, record: normalised(group) }) });
}

export function removeGroup(state: State, { group, generations }: RemoveGroup): Step {
  const found = lookup(state.groups, group);
  if (found === undefined) return refused(state, groupNotFound(group));
  const problem = inTransaction(state, group) ?? inUse(state, group) ?? liveLeft(found, generations);
  if (problem !== null) return refused(state, problem);
  const archive = liveGenerations(found).map((generation): ArchiveChange => ({ kind: 'delete', group, generation }));
  const removed: State = {
    ...state,
    groups: withoutKey(state.groups, group),
    retiredNewest: found.newest === 0 ? state.retiredNewest : withKey(state.retiredNewest, group, found.newest),
  };
  return done(removed, {}, archive);
}

function normalised(group: GroupRecord): GroupRecord {
  return { ...group, volumes: sortedUnique(group.volumes) };
}

function changedSince(record: GroupRecord, replaces: GroupRecord | null): Refusal | null {
  if (replaces === null || canonicalJson(record) === canonicalJson(replaces)) return null;
  const message = `Group ${record.name} was changed by somebody else meanwhile: look at it with \`snapcommit group show ${record.name}\`, and run the command again.`;
  return refusal('EXPECTATION_FAILED', message, { group: record.name });
}

function takenName(state: State, group: GroupRecord): Refusal | null {
  if (!isName(group.name)) return badName('group', group.name);
  if (lookup(state.groups, group.name) === undefined) return null;
  const message = `There is a group ${group.name} already: choose another name, or change it with \`snapcommit group update\`.`;
  return refusal('EXISTS', message, { group: group.name });
}

function recordProblem(state: State, group: GroupRecord): Refusal | null {
  if (group.volumes.length === 0) {
    const message = `Group ${group.name} needs at least one volume: name each with --volume.`;
    return refusal('USAGE', message, { group: group.name });
  }
  for (const volume of sortedUnique(group.volumes)) {
    const found = lookup(state.volumes, volume);
    if (found === undefined) return volumeNotFound(volume);
    if (!found.forfeited) continue;
    const message = `Volume ${volume} was forfeited and can be in no group: leave it out, or add its replacement under another name.`;
    return refusal('VOLUME_NOT_FOUND', message, { volume, forfeited: true });
  }
  return targetsProblem(state, group);
}

/** A log that is no cluster has no members, and its one node alone can say what it is called. */
function targetsProblem(state: State, group: GroupRecord): Refusal | null {
  for (const text of group.freezeCgroups) {
    const problem = targetProblem(state, group.name, text, parseCgroupTarget(text), CGROUP_LAW);
    if (problem !== null) return problem;
  }
  for (const text of group.freezeUnits) {
    const problem = targetProblem(state, group.name, text, parseUnitTarget(text), UNIT_LAW);
    if (problem !== null) return problem;
  }
  return null;
}

function targetProblem(
  state: State,
  group: string,
  text: string,
  target: FreezeTargetName | null,
  law: string,
): Refusal | null {
  if (target === null) {
    return refusal('USAGE', `${JSON.stringify(text)} is nothing to freeze: write ${law}.`, { group, target: text });
  }
  const { node } = target;
  const isCluster = Object.keys(state.members).length > 0;
  if (node === null || !isCluster || lookup(state.members, node) !== undefined) return null;
  const message = `Group ${group} cannot freeze ${text}: there is no node ${node} in this cluster (\`snapcommit cluster members\` shows them).`;
  return refusal('NODE_NOT_FOUND', message, { group, node, target: text });
}

/** BUSY while a transaction of that group is open. */
export function inTransaction(state: State, group: string): Refusal | null {
  const open = openTransactionOf(state, group);
  if (open === undefined) return null;
  const { transaction } = open.begin;
  const message = `Group ${group} is in transaction ${transaction}, which is open: wait until it ends, or run \`snapcommit recover\`.`;
  return refusal('BUSY', message, { group, transaction, node: open.coordinator.node });
}

/** What stands against removing a group, apart from being the group's current generation. */
function inUse(state: State, group: string): Refusal | null {
  const uses = [...protectionsOf(state, group)].filter(([, { reason }]) => reason !== 'current');
  const [first] = uses.sort(([a], [b]) => a - b);
  if (first === undefined) return null;
  const [generation, { reason, explanation }] = first;
  const message = `Group ${group} cannot be removed while ${generationKey(group, generation)} is in use: ${explanation}.`;
  return refusal('BUSY', message, { group, generation, reason });
}

/** Generations go with their group only when each was named: nobody loses one that came in between. */
function liveLeft(group: GroupState, named: readonly number[]): Refusal | null {
  const live = liveGenerations(group);
  if (live.length === named.length && live.every((generation, i) => generation === named[i])) return null;
  const { name } = group.record;
  const what = `Group ${name} has ${String(live.length)} live generation(s)`;
  const message =
    named.length === 0
      ? `${what}: prune them first, or remove them together with the group.`
      : `${what}, and those to remove with it are others: look again and name exactly these.`;
  return refusal('IN_USE', message, { group: name, generations: live.length });
}

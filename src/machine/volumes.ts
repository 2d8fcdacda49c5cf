/**
 * Volumes: add, remove, forfeit. PURE.
 *
 * A volume that is gone for good is forfeited, not removed: the generations that hold it become incomplete, nothing
 * waits for it any more, and its groups go on without it. Its name stays taken until no generation holds it.
 */
import type { AddVolume, ForfeitVolume, RemoveVolume, VolumeRecord } from './entry.js';
import { arrivalProblem } from './draining.js';
import { withoutForfeited } from './publishing.js';
import { badName, volumeNotFound } from './refusals.js';
import { isName } from './names.js';
import { isPlainPath, overlaps } from './paths.js';
import { groupsWithVolume, holderOfVolume } from './queries.js';
import { compareText, lookup, mapRecord, withKey, withoutKey } from './record.js';
import { countRuns, intersectRuns, unionRuns } from './runs.js';
import type { GroupState, State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

export function addVolume(state: State, { volume }: AddVolume): Step {
  const problem =
    recordProblem(volume) ??
    takenName(state, volume) ??
    arrivalProblem(state, volume.node, volume.name) ??
    overlappingVolume(state, volume);
  if (problem !== null) return refused(state, problem);
  return done({ ...state, volumes: withKey(state.volumes, volume.name, { record: volume, forfeited: false }) });
}

export function removeVolume(state: State, { volume }: RemoveVolume): Step {
  if (lookup(state.volumes, volume) === undefined) return refused(state, volumeNotFound(volume));
  const problem = heldByTransaction(state, volume) ?? usedByGroup(state, volume) ?? heldByGenerations(state, volume);
  if (problem !== null) return refused(state, problem);
  return done({ ...state, volumes: withoutKey(state.volumes, volume) });
}

/** Forfeiting twice is forfeiting once. */
export function forfeitVolume(state: State, { volume }: ForfeitVolume): Step {
  const found = lookup(state.volumes, volume);
  if (found === undefined) return refused(state, volumeNotFound(volume));
  if (found.forfeited) return done(state);
  const problem = heldByTransaction(state, volume);
  if (problem !== null) return refused(state, problem);
  const volumes = withKey(state.volumes, volume, { ...found, forfeited: true });
  const groups = mapRecord(state.groups, (group) => withoutVolume(group, volume));
  const next: State = { ...state, volumes, groups };
  return done({ ...next, pending: withoutForfeited(next, volume) });
}

/** What is wrong with a record by itself. */
export function recordProblem(volume: VolumeRecord): Refusal | null {
  if (!isName(volume.name)) return badName('volume', volume.name);
  if (!isName(volume.node)) return badName('node', volume.node);
  const details = { volume: volume.name, source: volume.source, publishDirectory: volume.publishDirectory };
  if (volume.driver === 'memory') return null;
  for (const path of [volume.source, volume.publishDirectory]) {
    if (isPlainPath(path)) continue;
    const message = `${JSON.stringify(path)} is no absolute path without ".", ".." or a slash at its end; resolve it first.`;
    return refusal('SOURCE_INVALID', message, details);
  }
  if (volume.source !== volume.publishDirectory) return null;
  const message = `Volume ${volume.name} cannot publish into its own source ${volume.source}: choose a directory in it or beside it.`;
  return refusal('SOURCE_INVALID', message, details);
}

function takenName(state: State, volume: VolumeRecord): Refusal | null {
  const taken = lookup(state.volumes, volume.name);
  if (taken === undefined) return null;
  const message = taken.forfeited
    ? `The name ${volume.name} belongs to a volume that was forfeited: choose another name, or remove that volume once no generation holds it.`
    : `There is a volume ${volume.name} already (${taken.record.source} on node ${taken.record.node}): choose another name, or remove it first.`;
  return refusal('EXISTS', message, { volume: volume.name, node: taken.record.node, source: taken.record.source });
}

/** Two volumes of one node may neither manage one tree twice nor each other's snapshots. A forfeited one has no tree. */
export function overlappingVolume(state: State, volume: VolumeRecord): Refusal | null {
  const others = Object.values(state.volumes)
    .filter((other) => !other.forfeited && other.record.node === volume.node && other.record.name !== volume.name)
    .map((other) => other.record)
    .sort((a, b) => compareText(a.name, b.name));
  const other = others.find((candidate) => meet(candidate, volume));
  if (other === undefined) return null;
  const message = `${volume.source} with publish directory ${volume.publishDirectory} meets volume ${other.name} (${other.source}, publishing in ${other.publishDirectory}) on node ${other.node}: a tree belongs to one volume.`;
  return refusal('SOURCE_MANAGED', message, { volume: other.name, node: other.node, source: other.source });
}

function meet(a: VolumeRecord, b: VolumeRecord): boolean {
  return (
    (overlaps(a.source, b.source) && !areApart(a, b)) ||
    overlaps(a.source, b.publishDirectory) ||
    overlaps(b.source, a.publishDirectory) ||
    overlaps(a.publishDirectory, b.publishDirectory)
  );
}

/** A snapshot of a dataset holds nothing of the datasets that are mounted inside it. */
function areApart(a: VolumeRecord, b: VolumeRecord): boolean {
  return a.driver === 'zfs' && b.driver === 'zfs' && a.source !== b.source;
}

export function heldByTransaction(state: State, volume: string): Refusal | null {
  const holder = holderOfVolume(state, volume);
  if (holder === undefined) return null;
  const { transaction, group } = holder.begin;
  const message = `Volume ${volume} is in transaction ${transaction} of group ${group}, which is open: wait until it ends, or run \`snapcommit recover\`.`;
  return refusal('BUSY', message, { volume, transaction, group, node: holder.coordinator.node });
}

function usedByGroup(state: State, volume: string): Refusal | null {
  const [group] = groupsWithVolume(state, volume);
  if (group === undefined) return null;
  const message = `Volume ${volume} belongs to group ${group}: take it out with \`snapcommit group update ${group}\` first.`;
  return refusal('BUSY', message, { volume, group });
}

function heldByGenerations(state: State, volume: string): Refusal | null {
  const groups = Object.values(state.groups).sort((a, b) => compareText(a.record.name, b.record.name));
  const group = groups.find((candidate) => lookup(candidate.contents, volume) !== undefined);
  if (group === undefined) return null;
  const generations = countRuns(lookup(group.contents, volume) ?? []);
  const name = group.record.name;
  const lost = lookup(state.volumes, volume)?.forfeited === true;
  const advice = lost ? 'prune them first' : 'prune them first, or forfeit the volume if it is lost';
  const message = `Volume ${volume} is part of ${String(generations)} generation(s) of group ${name}: ${advice}.`;
  return refusal('IN_USE', message, { volume, group: name, generations });
}

function withoutVolume(group: GroupState, volume: string): GroupState {
  const affected = intersectRuns(group.live, lookup(group.contents, volume) ?? []);
  return {
    ...group,
    record: { ...group.record, volumes: group.record.volumes.filter((member) => member !== volume) },
    incomplete: unionRuns(group.incomplete, affected),
  };
}

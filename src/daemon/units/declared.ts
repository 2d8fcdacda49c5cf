/** What a node's log says that units have to be ordered around: where its volumes lie, and which units use them. PURE. */
import type { GroupRecord, VolumeRecord } from '../../machine/entry.js';
import { targetsOf } from '../../machine/freeze-targets.js';
import { sortedUnique } from '../../machine/record.js';

export interface Declared {
  /** Live trees and publish directories of this node's volumes. */
  readonly paths: readonly string[];
  /** Units that write to this node's volumes, or are stopped for a swap of them. */
  readonly users: readonly string[];
}

export const NOTHING_DECLARED: Declared = { paths: [], users: [] };

/** `volumes`: those of all nodes that are not forfeited. */
export function declaredOn(node: string, volumes: readonly VolumeRecord[], groups: readonly GroupRecord[]): Declared {
  const nodeOf = new Map(volumes.map((volume) => [volume.name, volume.node]));
  const usersOf = (group: GroupRecord): readonly string[] => {
    const withVolumes = group.volumes.flatMap((name) => nodeOf.get(name) ?? []);
    const { units, cgroups } = targetsOf(group, node, withVolumes);
    return [...units, ...cgroups.flatMap(unitOfCgroup), ...(withVolumes.includes(node) ? group.stopUnits : [])];
  };
  const own = volumes.filter((volume) => volume.node === node);
  return {
    paths: sortedUnique(own.flatMap(({ source, publishDirectory }) => [source, publishDirectory])),
    users: sortedUnique(groups.flatMap(usersOf).map(withSuffix).filter(canWait)),
  };
}

/** systemd names a unit's cgroup after the unit. */
function unitOfCgroup(cgroup: string): readonly string[] {
  const last = cgroup.slice(cgroup.lastIndexOf('/') + 1);
  return /\.(service|slice)$/.test(last) ? [last] : [];
}

/** As systemctl completes it; a dependency needs the whole name. */
function withSuffix(unit: string): string {
  return SUFFIX.test(unit) ? unit : `${unit}.service`;
}

const SUFFIX = /\.(service|slice|scope|socket|target|timer|path|mount|automount|swap|device)$/;

/** What our own units run in, and they themselves, cannot wait for our units. */
function canWait(unit: string): boolean {
  return unit !== 'system.slice' && unit !== '-.slice' && !OURS.test(unit);
}

const OURS = /^(snapcommit|snapcommit-recover|snapcommit-commit@.*)\.service$/;

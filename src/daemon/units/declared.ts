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
    users: sortedUnique(groups.flatMap(usersOf).map(withSuffix).flatMap(thatCanWait)),
  };
}

/** systemd names a unit's cgroup after the unit. What is below a service's is that service's, or of a manager that runs in it. */
function unitOfCgroup(cgroup: string): readonly string[] {
  const parts = cgroup.split('/');
  const unit = parts.find((part) => part.endsWith('.service')) ?? parts.findLast((part) => part.endsWith('.slice'));
  return unit === undefined ? [] : [unit];
}

/** As systemctl completes it; a dependency needs the whole name. */
function withSuffix(unit: string): string {
  return SUFFIX.test(unit) ? unit : `${unit}.service`;
}

const SUFFIX = /\.(service|slice|scope|socket|target|timer|path|mount|automount|swap|device)$/;

/**
 * The units that have to be ordered after ours so that this one is used after them. What every service is ordered after, our
 * own too, cannot be ordered after ours: systemd would leave out somebody's start to break the cycle. A socket or a path only
 * starts a service, which can; and whoever logs in can wait before the slice of users is there.
 */
function thatCanWait(unit: string): readonly string[] {
  if (!NAME.test(unit) || OURS.test(unit)) return [];
  if (STARTER.test(unit)) return [unit.replace(STARTER, '.service')].filter((service) => !OURS.test(service));
  return INSTEAD[unit] ?? (EARLY.test(unit) ? [] : [unit]);
}

const NAME = /^[A-Za-z0-9:_.\\@-]{1,255}$/;
const OURS = /^(snapcommit|snapcommit-recover|snapcommit-commit@.*)\.service$/;
const STARTER = /\.(socket|path)$/;
const EARLY =
  /^((-|system|machine)\.slice|(sysinit|basic|local-fs|sockets|paths|slices|network-online)\.target|.*\.(mount|automount|swap|device))$/;
const INSTEAD: Readonly<Partial<Record<string, readonly string[]>>> = {
  'user.slice': ['systemd-user-sessions.service'],
};

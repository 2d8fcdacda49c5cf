/**
 * What a group's record says about writers, node by node. PURE. A target is `[NODE:]PATH` or `[NODE:]UNIT`. One without a
 * node, as a log has it from before it was a cluster, stands for every node that has volumes of the group.
 *
 * A systemd unit may have a colon in its own name (`dbus-:1.2-org.example@0.service`): it is written with its node, or with
 * nothing but a colon in front.
 */
import type { GroupRecord } from './entry.js';
import { isName } from './names.js';
import { isPlainPath } from './paths.js';
import { sortedUnique } from './record.js';

export interface FreezeTargetName {
  /** null: every node that has volumes of the group. */
  readonly node: string | null;
  /** A path below the cgroup2 mount, or a unit's name. */
  readonly target: string;
}

export interface NodeTargets {
  readonly cgroups: readonly string[];
  readonly units: readonly string[];
}

export const CGROUP_LAW = 'an absolute path below the cgroup mount such as /app/writers, or NODE:/app/writers';
export const UNIT_LAW = "a systemd unit's name such as app.service, or NODE:app.service";

const UNIT = /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]{0,254}$/;

export function isUnitName(text: string): boolean {
  return UNIT.test(text);
}

/** null where the text is no `[NODE:]PATH`. */
export function parseCgroupTarget(text: string): FreezeTargetName | null {
  const found = text.startsWith('/') ? { node: null, target: text } : qualified(text);
  if (found === null || found.target.includes('\n')) return null;
  const path = found.target.length > 1 && found.target.endsWith('/') ? found.target.slice(0, -1) : found.target;
  return isPlainPath(path) ? { node: found.node, target: path } : null;
}

/** null where the text is no `[NODE:]UNIT`. */
export function parseUnitTarget(text: string): FreezeTargetName | null {
  const found = text.includes(':') ? qualified(text) : { node: null, target: text };
  return found !== null && isUnitName(found.target) ? found : null;
}

/** `NODE:TARGET`, or `:TARGET` for a target without a node. */
function qualified(text: string): FreezeTargetName | null {
  const colon = text.indexOf(':');
  const node = text.slice(0, colon);
  const target = text.slice(colon + 1);
  if (colon === 0) return { node: null, target };
  return colon > 0 && isName(node) ? { node, target } : null;
}

/** The text that is read back as the same target. */
export function formatTarget({ node, target }: FreezeTargetName): string {
  if (node !== null) return `${node}:${target}`;
  return target.includes(':') && !target.startsWith('/') ? `:${target}` : target;
}

/**
 * What `node` freezes for the group. `nodesWithVolumes`: the nodes that have volumes of it. A text that is no target is
 * handed on as it is, for the freezer to refuse: leaving it out would claim a freeze that did not happen.
 */
export function targetsOf(record: GroupRecord, node: string, nodesWithVolumes: readonly string[]): NodeTargets {
  const hasVolumes = nodesWithVolumes.includes(node);
  const own = (target: FreezeTargetName): boolean => (target.node === null ? hasVolumes : target.node === node);
  const { cgroups, units } = parsedTargets(record);
  return { cgroups: distinct(cgroups.filter(own)), units: distinct(units.filter(own)) };
}

/** The nodes that the record's targets name, sorted: they take part in the cut also where they have no volume of the group. */
export function nodesNamedByTargets(record: GroupRecord): readonly string[] {
  const { cgroups, units } = parsedTargets(record);
  return sortedUnique([...cgroups, ...units].flatMap(({ node }) => node ?? []));
}

/** The record without what it freezes on `node`. */
export function withoutTargetsOn(record: GroupRecord, node: string): GroupRecord {
  return {
    ...record,
    freezeCgroups: record.freezeCgroups.filter((text) => parseCgroupTarget(text)?.node !== node),
    freezeUnits: record.freezeUnits.filter((text) => parseUnitTarget(text)?.node !== node),
  };
}

function parsedTargets(record: GroupRecord): Readonly<Record<'cgroups' | 'units', readonly FreezeTargetName[]>> {
  const plain = (text: string): FreezeTargetName => ({ node: null, target: text });
  return {
    cgroups: record.freezeCgroups.map((text) => parseCgroupTarget(text) ?? plain(text)),
    units: record.freezeUnits.map((text) => parseUnitTarget(text) ?? plain(text)),
  };
}

function distinct(targets: readonly FreezeTargetName[]): readonly string[] {
  return [...new Set(targets.map(({ target }) => target))];
}

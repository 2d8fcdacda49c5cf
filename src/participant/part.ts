/** This node's part in an open transaction, as the log says it: nobody's request says what is done to which volume. */
import { lookup } from '../machine/record.js';
import type { Begin, GroupRecord, VolumeRecord } from '../machine/entry.js';
import type { State } from '../machine/state.js';
import type { FreezeTarget } from '../ports/writers.js';
import type { RoundName, Work } from '../ports/participant.js';
import type { Context } from './context.js';
import { requireOpen } from './epoch.js';
import { formatStaged } from './names.js';
import { placeOf } from './publish.js';

export interface Part {
  readonly begin: Begin;
  readonly group: GroupRecord;
  /** Volumes of this node, in the order of their names, in which their locks are taken. */
  readonly members: readonly PartMember[];
  readonly targets: readonly FreezeTarget[];
}

export interface PartMember {
  readonly place: VolumeRecord;
  /** The live tree's identity when the transaction began; null for drivers whose live tree has none. */
  readonly base: string | null;
}

/** @throws STALE_EPOCH when `work` does not speak for that transaction (any more). */
export function partOf(context: Context, state: State, work: Work): Part {
  const { begin } = requireOpen(state, work);
  const { node } = context.self;
  const group = lookup(state.groups, begin.group)?.record;
  if (group === undefined) throw new TypeError(`transaction ${begin.transaction} is open in no group`);
  const members = begin.members
    .filter((member) => member.node === node)
    .map(({ volume, base }) => ({ place: placeOf(state, volume), base }))
    .sort((a, b) => (a.place.name < b.place.name ? -1 : 1));
  const mine = `${node}:`;
  const targets = begin.freezeTargets
    .filter((target) => target.startsWith(mine))
    .map((target) => target.slice(mine.length))
    .map((cgroup) => ({ cgroup, declared: cgroup }));
  return { begin, group, members, targets };
}

/** The hidden name of what this round makes on every one of its volumes. */
export function hiddenName(context: Context, { begin }: Part, kind: 'staged' | 'clone', name: RoundName): string {
  const { group, transaction } = begin;
  const { epoch, round } = name;
  return formatStaged({ kind, cluster: context.log.identity.cluster, group, transaction, epoch, round });
}

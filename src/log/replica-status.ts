/** What a replica says of itself: for `cluster status` and the metrics. */
import type { Slot } from '../machine/entry.js';
import { isVoter } from '../paxos/configuration.js';
import { lastSlot } from '../paxos/contiguous-log.js';
import type { Replica } from '../paxos/state.js';
import type { MemberStatus, ReplicaMetrics, ReplicaStanding, ReplicaStatus } from '../ports/cluster-log.js';

export type OutsideOfTheCore = Pick<
  ReplicaStatus,
  'leader' | 'appliedSlot' | 'checkpointSlot' | 'isFull' | 'diskStalls' | 'isFetching'
> & {
  readonly isProven: boolean;
};

export function describeReplica(replica: Replica, outside: OutsideOfTheCore): ReplicaStatus {
  const { self, role, promised, configuration, log, decided } = replica;
  return {
    ...outside,
    node: self,
    role: role.kind === 'leading' ? 'leader' : role.kind === 'preparing' ? 'candidate' : 'follower',
    standing: standingOf(replica, outside.isProven),
    ballot: { round: promised.round, node: promised.node },
    configuration,
    lastSlot: lastSlot(log),
    decidedSlot: decided,
    members: membersOf(replica),
  };
}

function standingOf({ self, configuration, abstains }: Replica, isProven: boolean): ReplicaStanding {
  if (!isVoter(configuration, self)) return 'learning';
  if (abstains !== null) return abstains.kind;
  return isProven ? 'voting' : 'unproven';
}

function membersOf({ self, role, configuration, log }: Replica): readonly MemberStatus[] {
  const last = lastSlot(log);
  const lagOf = (accepted: Slot | null | undefined) =>
    accepted === null || accepted === undefined ? null : Math.max(0, last - accepted);
  const describe = (votes: boolean) => (node: (typeof configuration.voters)[number]) => ({
    node,
    votes,
    lagSlots: role.kind !== 'leading' ? null : node === self ? 0 : lagOf(role.members.get(node)?.accepted),
  });
  return [...configuration.voters.map(describe(true)), ...configuration.learners.map(describe(false))];
}

/** Once a tick. */
export function measure(
  metrics: ReplicaMetrics,
  depths: Readonly<Record<'appends' | 'forwarded' | 'reads', number>>,
  { commit, replica }: { readonly commit: { readonly waiting: number }; readonly replica: Replica },
): void {
  metrics.queue('appends', depths.appends);
  metrics.queue('forwarded', depths.forwarded);
  metrics.queue('reads', depths.reads);
  metrics.queue('unsynced', commit.waiting);
  metrics.ballot(replica.promised.round);
}

/** `cluster status`, from what the replica says of itself and what its peers say of themselves. */
import type { ReplicaStatus } from '../../ports/cluster-log.js';
import type { LogIdentity } from '../../ports/log.js';
import { quorumSize } from '../../paxos/configuration.js';
import type { ClusterStatus, MemberStatus } from './admin.js';
import type { Progress } from './progress.js';

export function clusterStatus(
  identity: LogIdentity,
  replica: ReplicaStatus,
  progress: Progress,
  addressOf: (node: string) => string | null,
  isDraining: (node: string) => boolean,
): ClusterStatus {
  const { configuration, leader, ballot, decidedSlot, checkpointSlot } = replica;
  const members = [
    ...configuration.voters.map((node) => ({ node, role: 'voter' as const })),
    ...configuration.learners.map((node) => ({ node, role: 'learner' as const })),
  ].sort((a, b) => (a.node < b.node ? -1 : 1));
  const isReached = (node: string): boolean => node === identity.node || progress.of(node).unreachableSince === null;
  const missing = configuration.voters.filter((node) => !isReached(node));
  const hasQuorum = configuration.voters.length - missing.length >= quorumSize(configuration);
  const clock = missing.map((node) => progress.of(node).refusal).find((refusal) => refusal?.isClock === true);
  return {
    ...identity,
    configuration: configuration.id,
    leader,
    ballot: ballot.round === 0 ? null : ballot,
    hasQuorum,
    clockRefusal: hasQuorum ? null : (clock?.message ?? null),
    decidedSlot,
    checkpointSlot,
    members: members.map(({ node, role }): MemberStatus => {
      const isSelf = node === identity.node;
      const here = { lastSlot: replica.lastSlot, unreachableSince: null, refusal: null };
      const known = isSelf ? here : progress.of(node);
      return {
        node,
        role,
        address: addressOf(node),
        isLeader: node === leader,
        isDraining: isDraining(node),
        isSelf,
        lastSlot: known.lastSlot,
        lagSlots: known.lastSlot === null ? null : Math.max(0, decidedSlot - known.lastSlot),
        unreachableSince: known.unreachableSince === null ? null : new Date(known.unreachableSince).toISOString(),
        refusal: known.refusal?.message ?? null,
      };
    }),
  };
}

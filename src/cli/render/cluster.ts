/** The cluster for people. Pure. */
import type { ClusterStatus, MembershipChange } from '../../index.js';
import { pairs, table } from './table.js';
import { counted, joined, shortTime } from './text.js';

type Member = ClusterStatus['members'][number];

export function membersTable(members: readonly Member[]): string {
  return table(
    ['node', 'role', 'address'],
    members.map((member) => [nameOf(member), roleOf(member), member.address ?? '-']),
  );
}

export function clusterStatusText(status: ClusterStatus): string {
  const { ballot, leader, decidedSlot, checkpointSlot, hasQuorum } = status;
  const head = pairs([
    ['cluster', `${status.cluster} (incarnation ${String(status.incarnation)})`],
    ['leader', leader ?? 'none is known'],
    ['ballot', ballot === null ? '-' : `${String(ballot.round)} of ${ballot.node}`],
    ['membership', `number ${String(status.configuration)}`],
    ['log', `slot ${String(decidedSlot)}, checkpoint ${String(checkpointSlot)}`],
  ]);
  const rows = table(
    ['node', 'role', 'address', 'slot', 'behind', 'state'],
    status.members.map((member) => [
      nameOf(member),
      roleOf(member),
      member.address ?? '-',
      member.lastSlot === null ? '-' : String(member.lastSlot),
      member.lagSlots === null ? '-' : String(member.lagSlots),
      stateOf(member),
    ]),
  );
  return `${head}\n${rows}${refusals(status)}${hasQuorum ? '' : noQuorum(status)}`;
}

/** Why whoever cannot be reached is not let in, or does not let us in. */
function refusals({ members }: ClusterStatus): string {
  return members
    .flatMap(({ node, refusal }) => (refusal === null ? [] : [`${node} cannot be reached: ${refusal}.\n`]))
    .join('');
}

function noQuorum({ node, members, clockRefusal }: ClusterStatus): string {
  const voters = members.filter(({ role }) => role === 'voter');
  const needed = Math.floor(voters.length / 2) + 1;
  return `No majority: ${node} does not reach ${counted(needed, 'voter')}, itself included. Nothing can be committed until it does.${clockRefusal === null ? '' : ` Set the clock that is wrong.`}\n`;
}

export function membershipText(done: string, { voters, learners }: MembershipChange): string {
  return `${done}\n${pairs([
    ['voters', joined(voters)],
    ['learners', joined(learners)],
  ])}`;
}

function nameOf({ node, isSelf }: Member): string {
  return isSelf ? `${node} (this one)` : node;
}

function roleOf({ role, isLeader }: Member): string {
  return isLeader ? 'leader' : role;
}

function stateOf({ unreachableSince, isDraining }: Member): string {
  const reach = unreachableSince === null ? 'up' : `unreachable since ${shortTime(unreachableSince)}`;
  return isDraining ? `${reach}, draining` : reach;
}

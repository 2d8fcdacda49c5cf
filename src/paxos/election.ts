/**
 * Ballot leader election among quorum-connected replicas. PURE.
 *
 * After OmniPaxos (Ng, Haridi, Carbone: "Omni-Paxos: Breaking the Barriers of Partial Connectivity", EuroSys '23), with
 * the happiness of its authors' implementation: once a round every voter asks every other how it is. Whoever leads with
 * a quorum is happy, and so is whoever is in touch with a happy leader. Only a voter that is unhappy, that reaches a
 * quorum, and none of whose neighbours is happy takes over. So
 * - a leader that lost its quorum is replaced by whoever still has one (quorum loss, constrained election);
 * - who merely lost sight of the leader does not disturb those that see it (chained), and there is no duel (P9);
 * - a stale log disqualifies nobody: phase 1 adopts the best one.
 */
import { compareBallots, NO_BALLOT, sameBallot, type Ballot, type NodeId } from './ballot.js';
import { fetchFrom } from './catch-up.js';
import { isVoter, quorumSize } from './configuration.js';
import { membersOf } from './leader.js';
import type { Heartbeat, HeartbeatReply } from './messages.js';
import { campaign } from './phase-one.js';
import { askAgain } from './reads.js';
import { countStoppingRound } from './reconfiguration.js';
import { remindMembers } from './resend.js';
import { becomeFollower, canLead, presenceOf } from './role.js';
import type { Replica } from './state.js';
import { change, send, type Turn } from './turn.js';

export function tick(turn: Turn): void {
  const { election, limits } = turn.state;
  const ticks = election.ticks + 1;
  change(turn, { election: { ...election, ticks } });
  askAgain(turn);
  if (ticks % limits.roundTicks !== 0) return;
  endRound(turn);
  countStoppingRound(turn);
  remindMembers(turn);
  beginRound(turn);
}

function endRound(turn: Turn): void {
  const { configuration, self, election } = turn.state;
  // Before the first round nobody of this configuration was asked.
  if (!isVoter(configuration, self) || (election.round === 0 && configuration.voters.length > 1)) return;
  const connected = reachesQuorum(turn.state);
  // A leader without a quorum only keeps others waiting, and so does who tries to lead where another is further.
  if (!connected || (turn.state.role.kind === 'preparing' && isOvertaken(turn.state))) becomeFollower(turn);
  const { leader, happy } = judge(turn.state, connected);
  change(turn, { election: { ...turn.state.election, leader, happy } });
  if (happy) return;
  if (connected && canLead(turn.state) && !isOvertaken(turn.state) && noneIsHappy(turn.state)) campaign(turn, []);
  else catchUpFromAnybody(turn);
}

/** Counts only whose promise would count, and would come. */
function reachesQuorum(state: Replica): boolean {
  let reached = presenceOf(state) === 'voting' ? 1 : 0;
  for (const reply of state.election.replies.values()) if (reply.standing === 'voting') reached += 1;
  return reached >= quorumSize(state.configuration);
}

/** The highest ballot that is led with in our sight, and whether its leader is happy. */
function judge(state: Replica, connected: boolean): { readonly leader: Ballot; readonly happy: boolean } {
  let leader = ownBallot(state);
  let happy = connected && state.role.kind !== 'follower';
  for (const reply of state.election.replies.values()) {
    if (compareBallots(reply.ballot, leader) <= 0) continue;
    leader = reply.ballot;
    happy = reply.happy;
  }
  return { leader, happy };
}

function ownBallot({ role }: Replica): Ballot {
  return role.kind === 'follower' ? NO_BALLOT : role.ballot;
}

function noneIsHappy({ election }: Replica): boolean {
  for (const reply of election.replies.values()) if (reply.happy) return false;
  return true;
}

/** Whether somebody whose promise would count has decided all that we would need a checkpoint for: that one is to lead. */
function isOvertaken({ behind, election }: Replica): boolean {
  if (behind === null) return false;
  return [...election.replies.values()].some(({ standing, decided }) => standing === 'voting' && decided >= behind);
}

/** Out of touch with every leader: others may still know what it decided. */
function catchUpFromAnybody(turn: Turn): void {
  const { election, decided } = turn.state;
  let best: NodeId | null = null;
  let furthest: number = decided;
  for (const [node, reply] of election.replies) if (reply.decided > furthest) [best, furthest] = [node, reply.decided];
  if (best !== null) fetchFrom(turn, best);
}

function beginRound(turn: Turn): void {
  const { election, configuration, self } = turn.state;
  const round = election.round + 1;
  change(turn, { election: { ...election, round, replies: new Map() } });
  if (isVoter(configuration, self)) {
    for (const voter of configuration.voters) if (voter !== self) send(turn, voter, { type: 'heartbeat', round });
    return;
  }
  // Nobody may be left to send us anything by himself: all others can be in a configuration that we know nothing of.
  const others = membersOf(turn.state).filter((member) => member !== self);
  const one = others[round % others.length];
  if (one !== undefined) fetchFrom(turn, one);
}

export function onHeartbeat(turn: Turn, from: NodeId, { round }: Heartbeat): void {
  const { election, decided } = turn.state;
  const ballot = ownBallot(turn.state);
  const standing = presenceOf(turn.state);
  send(turn, from, { type: 'heartbeatReply', round, ballot, happy: election.happy, standing, decided });
}

export function onHeartbeatReply(turn: Turn, from: NodeId, message: HeartbeatReply): void {
  const { election, configuration } = turn.state;
  if (message.round !== election.round || !isVoter(configuration, from)) return;
  const { ballot, happy, standing, decided } = message;
  const replies = new Map(election.replies).set(from, { ballot, happy, standing, decided });
  change(turn, { election: { ...election, replies } });
}

/** Whom to send proposals to, as far as we know: ourselves, another, or nobody. */
export function leaderOf({ role, election, self }: Replica): NodeId | null {
  if (role.kind === 'leading') return self;
  return sameBallot(election.leader, NO_BALLOT) || election.leader.node === self ? null : election.leader.node;
}

/**
 * Phase 1: a new ballot, the promises of a majority, and the adoption of the best log. PURE.
 *
 * After Sequence Paxos (Haridi, Kroll, Carbone: "Lecture Notes on Leader-based Sequence Paxos", 2020; OmniPaxos,
 * EuroSys '23): a leader adopts one whole log, so the log never has holes, and everything in it counts as accepted
 * under the new ballot.
 */
import { assertInvariant } from '../errors.js';
import { acceptAfter } from './acceptor.js';
import { compareBallots, highestBallot, nextBallot, sameBallot, type Ballot, type NodeId } from './ballot.js';
import { isVoter, quorumSize } from './configuration.js';
import { entriesAfter, lastSlot, slot } from './contiguous-log.js';
import { membersOf, recordProgress, synchronise, UNHEARD, writeProposals } from './leader.js';
import { bytesOf, decideThrough } from './learner.js';
import type { Nack, Prepare, PromiseBallot } from './messages.js';
import { becomeFollower, canLead, stepDown } from './role.js';
import type { Leading, Preparing } from './state.js';
import { change, send, type Turn } from './turn.js';

export function campaign(turn: Turn, entries: readonly Uint8Array[]): void {
  if (!canLead(turn.state)) {
    if (entries.length > 0) turn.after.push({ kind: 'rejected', entries, reason: 'notLeading' });
    return;
  }
  const waiting = turn.state.role.kind === 'preparing' ? turn.state.role.pending : [];
  if (turn.state.role.kind === 'leading') becomeFollower(turn);
  const { self, promised, seen, election } = turn.state;
  const ballot = nextBallot(highestBallot(highestBallot(promised, seen), election.leader), self);
  change(turn, {
    seen: ballot,
    role: { kind: 'preparing', ballot, promises: new Map(), pending: [...waiting, ...entries] },
    election: { ...election, leader: ballot, happy: true },
  });
  for (const member of membersOf(turn.state)) send(turn, member, prepareMessage(turn, ballot));
}

export function prepareMessage(turn: Turn, ballot: Ballot): Prepare {
  const { accepted, decided, log } = turn.state;
  return { type: 'prepare', ballot, accepted, decided, last: lastSlot(log) };
}

/** A promise while we prepare; one more may make us the leader. */
export function gatherPromise(turn: Turn, preparing: Preparing, from: NodeId, message: PromiseBallot): void {
  const { configuration } = turn.state;
  const gathered: Preparing = { ...preparing, promises: new Map(preparing.promises).set(from, message) };
  change(turn, { role: gathered });
  if (counting(turn, gathered).length >= quorumSize(configuration)) becomeLeader(turn, gathered);
}

/** Learners' promises do not count, nor do those of voters that lost or forgot something (D8, D10). */
function counting(turn: Turn, { promises }: Preparing): readonly PromiseBallot[] {
  const { configuration } = turn.state;
  return [...promises].flatMap(([node, promise]) =>
    isVoter(configuration, node) && promise.standing === 'voting' ? [promise] : [],
  );
}

/** Phase 1 is done: adopt the log with the highest accepted ballot, and among those the longest. */
function becomeLeader(turn: Turn, preparing: Preparing): void {
  const { self, ...rest } = turn.state;
  const promises = counting(turn, preparing);
  const best = promises.reduce((a, b) => (compareLogs(b, a) > 0 ? b : a));
  assertInvariant(best.after >= rest.decided, 'I4', `adopting would rewrite slot ${String(best.after + 1)}`);
  const own = preparing.promises.get(self);
  if (own === undefined || compareLogs(best, own) > 0) acceptAfter(turn, best.after, best.suffix);

  const { log, decided } = turn.state;
  const leading: Leading = {
    kind: 'leading',
    ballot: preparing.ballot,
    adopted: { ballot: best.accepted, last: lastSlot(log) },
    members: new Map(membersOf(turn.state).map((member) => [member, UNHEARD])),
    inFlightBytes: bytesOf(entriesAfter(log, decided)),
    stopping: null,
    reads: { round: 0, asked: [], slot: decided, confirmedBy: [], waiting: [] },
  };
  change(turn, { accepted: preparing.ballot, role: leading });
  // Whatever anyone of a majority knows to be chosen is in the log that was adopted.
  decideThrough(turn, slot(Math.max(...promises.map((promise) => promise.decided))));
  writeProposals(turn, preparing.pending);
  for (const [node, promise] of preparing.promises) synchronise(turn, node, promise);
}

function compareLogs(a: PromiseBallot, b: PromiseBallot): number {
  const order = compareBallots(a.accepted, b.accepted);
  return order === 0 ? a.last - b.last : order;
}

export function onNack(turn: Turn, from: NodeId, message: Nack): void {
  const { role } = turn.state;
  if (role.kind === 'follower' || !sameBallot(role.ballot, message.ballot)) return;
  if (compareBallots(message.promised, role.ballot) > 0) return stepDown(turn, message.promised);
  // It lost what it promised, or never heard of us.
  recordProgress(turn, from, { promise: null });
  send(turn, from, prepareMessage(turn, role.ballot));
}

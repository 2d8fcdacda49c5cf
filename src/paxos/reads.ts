/**
 * Linearizable reads by read-index: a quorum round that begins after the request shows that nobody else led before it,
 * so the leader's decided slot covers everything that was acknowledged by then (P8). No clock and no lease. PURE.
 */
import { assertInvariant } from '../errors.js';
import { sameBallot, type NodeId } from './ballot.js';
import { isVoter, quorumSize } from './configuration.js';
import type { Confirmed } from './messages.js';
import type { Leading, Reads } from './state.js';
import { change, send, type Turn } from './turn.js';

export function read(turn: Turn, id: number): void {
  const { role, limits } = turn.state;
  if (role.kind !== 'leading' || !servesReads(turn, role)) return refuse(turn, id, 'notLeading');
  const { reads } = role;
  if (reads.asked.length + reads.waiting.length >= limits.reads) return refuse(turn, id, 'busy');
  setReads(turn, role, { ...reads, waiting: [...reads.waiting, id] });
  if (reads.asked.length === 0) beginRound(turn);
}

/** Before everything that we adopted is chosen, we do not know what the leaders before us acknowledged (I14). */
function servesReads(turn: Turn, { adopted }: Leading): boolean {
  return turn.state.decided >= adopted.last;
}

function refuse(turn: Turn, id: number, reason: 'notLeading' | 'busy'): void {
  turn.after.push({ kind: 'readRefused', ids: [id], reason });
}

function setReads(turn: Turn, leading: Leading, reads: Reads): void {
  change(turn, { role: { ...leading, reads } });
}

function beginRound(turn: Turn): void {
  const { role, self, decided } = turn.state;
  if (role.kind !== 'leading') return;
  const { reads } = role;
  const next: Reads = {
    round: reads.round + 1,
    asked: reads.waiting,
    slot: decided,
    confirmedBy: [self],
    waiting: [],
  };
  setReads(turn, role, next);
  if (next.asked.length === 0) return;
  askAgain(turn);
  answerWhenConfirmed(turn);
}

/** Asks the voters that have not confirmed the round under way. */
export function askAgain(turn: Turn): void {
  const { role, configuration } = turn.state;
  if (role.kind !== 'leading' || role.reads.asked.length === 0) return;
  const { round, confirmedBy } = role.reads;
  for (const voter of configuration.voters)
    if (!confirmedBy.includes(voter)) send(turn, voter, { type: 'confirm', ballot: role.ballot, round });
}

export function onConfirmed(turn: Turn, from: NodeId, message: Confirmed): void {
  const { role, configuration } = turn.state;
  if (role.kind !== 'leading' || !sameBallot(role.ballot, message.ballot) || !isVoter(configuration, from)) return;
  const { reads } = role;
  // An answer to an earlier round says nothing of now.
  if (message.round !== reads.round || reads.confirmedBy.includes(from)) return;
  setReads(turn, role, { ...reads, confirmedBy: [...reads.confirmedBy, from] });
  answerWhenConfirmed(turn);
}

function answerWhenConfirmed(turn: Turn): void {
  const { role, configuration } = turn.state;
  if (role.kind !== 'leading' || role.reads.asked.length === 0) return;
  const { confirmedBy, asked, slot } = role.reads;
  if (confirmedBy.length < quorumSize(configuration)) return;
  assertInvariant(slot >= role.adopted.last, 'I14', `a read of slot ${String(slot)} misses what was adopted`);
  turn.after.push({ kind: 'readable', ids: asked, slot });
  beginRound(turn);
}

/**
 * The acceptor: promises ballots and accepts entries. PURE.
 *
 * It answers only by `send`, and a step's write stands before its sends, so no promise and no vote leaves before it is
 * durable (D1).
 */
import { assertInvariant } from '../errors.js';
import { compareBallots, sameBallot, type Ballot, type NodeId } from './ballot.js';
import { entriesAfter, entryAt, lastSlot, slot, type LogEntry, type Slot } from './contiguous-log.js';
import type { Accept, AcceptSync, Decide, Prepare } from './messages.js';
import { stepDown } from './proposer.js';
import { change, decideThrough, send, writeAfter, type Turn } from './turn.js';

export function onPrepare(turn: Turn, from: NodeId, message: Prepare): void {
  if (refuseLower(turn, from, message.ballot)) return;
  if (!sameBallot(message.ballot, turn.state.promised)) {
    stepDown(turn, message.ballot);
    change(turn, { promised: message.ballot });
  }
  sendPromise(turn, from, message.ballot, suffixStart(turn, message));
}

/**
 * The slot after which the proposer lacks what we hold: its decided slot when our log was accepted under a higher
 * ballot (what it holds beyond may be wrong), the end of its log when under the same (one is a prefix of the other).
 */
function suffixStart(turn: Turn, message: Prepare): Slot {
  const { accepted, log } = turn.state;
  const order = compareBallots(accepted, message.accepted);
  if (order > 0) return message.decided;
  return order === 0 && lastSlot(log) > message.last ? message.last : lastSlot(log);
}

function sendPromise(turn: Turn, to: NodeId, ballot: Ballot, after: Slot): void {
  const { accepted, decided, log } = turn.state;
  if (after < log.base) return send(turn, to, { type: 'compacted', ballot, base: log.base });
  const suffix = entriesAfter(log, after);
  send(turn, to, {
    type: 'promise',
    ballot,
    accepted,
    decided,
    last: lastSlot(log),
    after,
    suffix,
    standing: 'voting',
  });
}

export function onAcceptSync(turn: Turn, from: NodeId, message: AcceptSync): void {
  if (refuseLower(turn, from, message.ballot) || !sameBallot(message.ballot, turn.state.promised)) return;
  if (sameBallot(message.ballot, turn.state.accepted)) return acceptEntries(turn, from, message);
  // Since our promise nothing has changed here, so `after` lies in what both logs agree on.
  const { decided } = turn.state;
  assertInvariant(
    message.after >= decided,
    'I4',
    `a leader rewrites slot ${String(message.after + 1)}, which is chosen`,
  );
  writeAfter(turn, message.after, message.entries);
  change(turn, { accepted: message.ballot });
  answerAccepted(turn, from, message.ballot, message.decided);
}

export function onAccept(turn: Turn, from: NodeId, message: Accept): void {
  if (refuseLower(turn, from, message.ballot) || !sameBallot(message.ballot, turn.state.promised)) return;
  if (sameBallot(message.ballot, turn.state.accepted)) return acceptEntries(turn, from, message);
  // The acceptSync before it was lost: our log is not the leader's yet. Asking again is what a promise does.
  sendPromise(turn, from, message.ballot, lastSlot(turn.state.log));
}

/** Within one ballot a follower's log is a prefix of its leader's: what overlaps is the same (I8), the rest is new. */
function acceptEntries(turn: Turn, from: NodeId, message: Accept | AcceptSync): void {
  const last = lastSlot(turn.state.log);
  // A gap (P4): say how far we really are; the leader goes on from there.
  if (message.after > last) return send(turn, from, { type: 'accepted', ballot: message.ballot, last });
  const overlap = last - message.after;
  assertSameEntries(turn, message.after, message.entries.slice(0, overlap));
  writeAfter(turn, last, message.entries.slice(overlap));
  answerAccepted(turn, from, message.ballot, message.decided);
}

function assertSameEntries(turn: Turn, after: Slot, entries: readonly LogEntry[]): void {
  for (const [index, entry] of entries.entries()) {
    const at = slot(after + 1 + index);
    const held = entryAt(turn.state.log, at);
    const same = held === undefined || (sameBallot(held.ballot, entry.ballot) && sameBytes(held.bytes, entry.bytes));
    assertInvariant(same, 'I8', `slot ${String(at)} came twice under one ballot with different entries`);
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, index) => byte === b[index]));
}

function answerAccepted(turn: Turn, to: NodeId, ballot: Ballot, decided: Slot): void {
  decideThrough(turn, decided);
  send(turn, to, { type: 'accepted', ballot, last: lastSlot(turn.state.log) });
}

export function onDecide(turn: Turn, message: Decide): void {
  const { promised, accepted } = turn.state;
  if (sameBallot(message.ballot, promised) && sameBallot(message.ballot, accepted))
    decideThrough(turn, message.decided);
}

/** Answers a ballot below the promised one with a nack, and says whether it was one. */
function refuseLower(turn: Turn, from: NodeId, ballot: Ballot): boolean {
  const { promised } = turn.state;
  if (compareBallots(ballot, promised) >= 0) return false;
  send(turn, from, { type: 'nack', ballot, promised });
  return true;
}

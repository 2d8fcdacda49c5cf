/**
 * The acceptor: promises ballots and accepts entries. PURE.
 *
 * It answers only by `send`, and a step's write stands before its sends, so no promise and no vote leaves before it is
 * durable (D1). Learners answer as voters do; whose answer counts is for the proposer to judge.
 */
import { assertInvariant } from '../errors.js';
import { compareBallots, sameBallot, type Ballot, type NodeId } from './ballot.js';
import { isLong, teach } from './catch-up.js';
import { entriesAfter, entryAt, lastSlot, slot, type LogEntry, type Slot } from './contiguous-log.js';
import { decideThrough, heal, isStop } from './learner.js';
import type { Accept, AcceptSync, Confirm, Decide, Prepare } from './messages.js';
import { standingOf, stepDown } from './role.js';
import { change, send, writeAfter, type Turn } from './turn.js';

export function onPrepare(turn: Turn, from: NodeId, message: Prepare): void {
  if (refuseLower(turn, from, message.ballot)) return;
  if (!sameBallot(message.ballot, turn.state.promised)) {
    stepDown(turn, message.ballot);
    const { election } = turn.state;
    change(turn, { promised: message.ballot, election: { ...election, leader: message.ballot } });
  }
  const after = suffixStart(turn, message);
  const { log, decided, limits } = turn.state;
  // Whoever lacks so much learns what is decided first, and prepares again.
  if (after >= log.base && isLong(limits, decided - after, entriesAfter(log, after)))
    teach(turn, from, message.decided);
  else sendPromise(turn, from, message.ballot, after);
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
  const suffix = after >= lastSlot(log) ? [] : entriesAfter(log, after);
  const standing = standingOf(turn.state);
  send(turn, to, { type: 'promise', ballot, accepted, decided, last: lastSlot(log), after, suffix, standing });
}

export function onAcceptSync(turn: Turn, from: NodeId, message: AcceptSync): void {
  if (refuseOther(turn, from, message.ballot)) return;
  if (sameBallot(message.ballot, turn.state.accepted)) return acceptEntries(turn, from, message);
  const { decided, log, abstains } = turn.state;
  // Learned since our promise: what is decided is the same there and here.
  const learned = Math.max(0, decided - message.after);
  if (message.after > lastSlot(log) || learned > message.entries.length)
    return sendPromise(turn, from, message.ballot, lastSlot(log));
  acceptAfter(turn, slot(message.after + learned), message.entries.slice(learned));
  change(turn, { accepted: message.ballot });
  // The log is whole again: a leader whom others elected holds all that we may have helped to choose (D10).
  if (abstains?.kind === 'damaged') heal(turn);
  answerAccepted(turn, from, message);
}

export function onAccept(turn: Turn, from: NodeId, message: Accept): void {
  if (refuseOther(turn, from, message.ballot)) return;
  if (sameBallot(message.ballot, turn.state.accepted)) return acceptEntries(turn, from, message);
  // The acceptSync before it was lost: our log is not the leader's yet. Asking again is what a promise does.
  sendPromise(turn, from, message.ballot, lastSlot(turn.state.log));
}

/** Within one ballot a follower's log is a prefix of its leader's: what overlaps is the same (I8), the rest is new. */
function acceptEntries(turn: Turn, from: NodeId, message: Accept | AcceptSync): void {
  const { abstains, log } = turn.state;
  const last = lastSlot(log);
  // A gap (P4): say how far we really are; the leader goes on from there.
  if (message.after > last) return sendPromise(turn, from, message.ballot, last);
  const overlap = Math.min(last - message.after, message.entries.length);
  if (overlap > 0 && !holdsSame(turn, message.after, message.entries.slice(0, overlap))) return;
  if (message.entries.length > overlap) acceptAfter(turn, last, message.entries.slice(overlap));
  if (abstains?.kind === 'damaged' && lastSlot(turn.state.log) >= abstains.through) heal(turn);
  answerAccepted(turn, from, message);
}

/** Accepts under the ballot of our configuration. I11: nothing stands after the stop-sign that ends it. */
export function acceptAfter(turn: Turn, after: Slot, entries: readonly LogEntry[]): void {
  const { configuration, log, decided } = turn.state;
  assertInvariant(after >= decided, 'I4', `slot ${String(after + 1)} is chosen and would be written again`);
  if (entries.length === 0) return writeAfter(turn, after, entries);
  let previous = entryAt(log, after);
  for (const [index, entry] of entries.entries()) {
    const stopped = previous !== undefined && isStop(previous, configuration);
    assertInvariant(!stopped, 'I11', `slot ${String(after + index + 1)} stands after a stop-sign`);
    previous = entry;
  }
  writeAfter(turn, after, entries);
}

/** Whether we hold these entries. Where we do not, we have learned that others were chosen: that leader is past. */
function holdsSame(turn: Turn, after: Slot, entries: readonly LogEntry[]): boolean {
  const { log, decided } = turn.state;
  for (const [index, entry] of entries.entries()) {
    const at = slot(after + 1 + index);
    const held = entryAt(log, at);
    const same = held === undefined || (sameBallot(held.ballot, entry.ballot) && sameBytes(held.bytes, entry.bytes));
    if (!same && at <= decided) return false;
    assertInvariant(same, 'I8', `slot ${String(at)} came twice under one ballot with different entries`);
  }
  return true;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && a.every((byte, index) => byte === b[index]));
}

/**
 * Who forgot answers with a promise, which says so: the leader may hold one from before, and would count an acceptance by
 * it, although a higher ballot may have been promised since and forgotten (D8, D9).
 */
function answerAccepted(turn: Turn, to: NodeId, { ballot, after, entries, decided }: Accept | AcceptSync): void {
  const last = slot(after + entries.length);
  if (standingOf(turn.state) === 'forgetful') sendPromise(turn, to, ballot, lastSlot(turn.state.log));
  else send(turn, to, { type: 'accepted', ballot, last });
  decideThrough(turn, decided);
}

export function onDecide(turn: Turn, from: NodeId, message: Decide): void {
  if (refuseOther(turn, from, message.ballot)) return;
  const { accepted, abstains, log } = turn.state;
  const last = lastSlot(log);
  // Of rows that we accepted and lost, the leader believes that we have them: nothing else would bring them again (D10).
  const lostSome = abstains?.kind === 'damaged' && last < message.decided;
  if (lostSome || !sameBallot(message.ballot, accepted)) sendPromise(turn, from, message.ballot, last);
  else decideThrough(turn, message.decided);
}

/** Whoever forgot what it promised cannot say that it promised nothing since. */
export function onConfirm(turn: Turn, from: NodeId, message: Confirm): void {
  if (refuseOther(turn, from, message.ballot)) return;
  if (standingOf(turn.state) !== 'forgetful')
    send(turn, from, { type: 'confirmed', ballot: message.ballot, round: message.round });
}

/** Only `prepare` asks for a promise: whoever uses a ballot that we did not promise has to ask first. */
function refuseOther(turn: Turn, from: NodeId, ballot: Ballot): boolean {
  const { promised } = turn.state;
  if (sameBallot(ballot, promised)) return false;
  send(turn, from, { type: 'nack', ballot, promised });
  return true;
}

/** Answers a ballot below the promised one with a nack, and says whether it was one. */
function refuseLower(turn: Turn, from: NodeId, ballot: Ballot): boolean {
  const { promised } = turn.state;
  if (compareBallots(ballot, promised) >= 0) return false;
  send(turn, from, { type: 'nack', ballot, promised });
  return true;
}

/**
 * The proposer: phase 1, the adoption of the best log, phase 2. PURE.
 *
 * After Sequence Paxos (Haridi, Kroll, Carbone: "Lecture Notes on Leader-based Sequence Paxos", 2020; OmniPaxos,
 * EuroSys '23): a leader adopts one whole log, so the log never has holes, and everything in it counts as accepted
 * under the new ballot.
 */
import { assertInvariant } from '../errors.js';
import { compareBallots, highestBallot, nextBallot, sameBallot, type Ballot, type NodeId } from './ballot.js';
import { quorumSize } from './configuration.js';
import { entriesAfter, lastSlot, slot, type Slot } from './contiguous-log.js';
import { chosenThrough } from './learner.js';
import type { Accepted, Nack, Prepare, PromiseBallot } from './messages.js';
import type { Leading, Preparing, Progress, Reads } from './state.js';
import { change, decideThrough, send, writeAfter, type Turn } from './turn.js';

const UNHEARD: Progress = { promise: null, accepted: null, sent: null, acceptedBefore: null };
const NO_READS: Reads = { round: 0, asked: [], slot: slot(0), confirmedBy: [], waiting: [] };

export function campaign(turn: Turn, entries: readonly Uint8Array[]): void {
  const { self, configuration, promised, seen, role } = turn.state;
  const waiting = role.kind === 'preparing' ? role.pending : [];
  const ballot = nextBallot(highestBallot(promised, seen), self);
  change(turn, {
    seen: ballot,
    role: { kind: 'preparing', ballot, promises: new Map(), pending: [...waiting, ...entries] },
  });
  for (const voter of configuration.voters) send(turn, voter, prepareMessage(turn, ballot));
}

export function propose(turn: Turn, entries: readonly Uint8Array[]): void {
  const { role } = turn.state;
  switch (role.kind) {
    case 'follower':
      turn.after.push({ kind: 'rejected', entries, reason: 'notLeading' });
      return;
    case 'preparing':
      change(turn, { role: { ...role, pending: [...role.pending, ...entries] } });
      return;
    case 'leading':
      appendProposals(turn, role, entries);
  }
}

/** Ends our own proposing when `ballot` is not the one that we propose under. */
export function stepDown(turn: Turn, ballot: Ballot): void {
  const { role, seen } = turn.state;
  change(turn, { seen: highestBallot(seen, ballot) });
  if (role.kind !== 'follower' && !sameBallot(role.ballot, ballot)) becomeFollower(turn);
}

export function becomeFollower(turn: Turn): void {
  const { role } = turn.state;
  if (role.kind === 'preparing' && role.pending.length > 0)
    turn.after.push({ kind: 'rejected', entries: role.pending, reason: 'notLeading' });
  change(turn, { role: { kind: 'follower' } });
}

export function onPromise(turn: Turn, from: NodeId, message: PromiseBallot): void {
  const { role, configuration } = turn.state;
  if (role.kind === 'follower' || !sameBallot(role.ballot, message.ballot)) return;
  if (role.kind === 'leading') return synchronise(turn, role, from, message);
  const promises = new Map(role.promises).set(from, message);
  const preparing: Preparing = { ...role, promises };
  change(turn, { role: preparing });
  if (promises.size >= quorumSize(configuration)) becomeLeader(turn, preparing);
}

/** Phase 1 is done: adopt the log with the highest accepted ballot, and among those the longest. */
function becomeLeader(turn: Turn, preparing: Preparing): void {
  const { self, configuration } = turn.state;
  const promises = [...preparing.promises.values()];
  const best = promises.reduce((a, b) => (compareLogs(b, a) > 0 ? b : a));
  assertInvariant(best.after >= turn.state.decided, 'I4', `adopting would rewrite slot ${String(best.after + 1)}`);
  const own = preparing.promises.get(self);
  if (own === undefined || compareLogs(best, own) > 0) writeAfter(turn, best.after, best.suffix);

  const members = new Map(configuration.voters.map((voter) => [voter, UNHEARD]));
  const adopted = { ballot: best.accepted, last: lastSlot(turn.state.log) };
  const leading: Leading = {
    kind: 'leading',
    ballot: preparing.ballot,
    adopted,
    members,
    inFlightBytes: 0,
    stopping: null,
    reads: NO_READS,
  };
  change(turn, { accepted: preparing.ballot, role: leading });
  // Whatever anyone of a majority knows to be chosen is in the log that was adopted.
  decideThrough(turn, slot(Math.max(...promises.map((promise) => promise.decided))));
  writeProposals(turn, leading, preparing.pending);
  for (const [node, promise] of preparing.promises) synchronise(turn, leading, node, promise);
}

function compareLogs(a: PromiseBallot, b: PromiseBallot): number {
  const order = compareBallots(a.accepted, b.accepted);
  return order === 0 ? a.last - b.last : order;
}

/** Brings a voter that promised us in line with our log. */
function synchronise(turn: Turn, leading: Leading, node: NodeId, promise: PromiseBallot): void {
  recordProgress(turn, node, { promise });
  const { ballot } = leading;
  const { self, log, decided } = turn.state;
  if (node === self) return send(turn, self, { type: 'accepted', ballot, last: lastSlot(log) });
  const after = agreedThrough(leading, promise);
  if (after < log.base) return send(turn, node, { type: 'compacted', ballot, base: log.base });
  send(turn, node, { type: 'acceptSync', ballot, after, entries: entriesAfter(log, after), decided });
}

/** How far a voter's log is certainly the same as ours. */
function agreedThrough(leading: Leading, promise: PromiseBallot): Slot {
  if (sameBallot(promise.accepted, leading.ballot)) return promise.last;
  if (!sameBallot(promise.accepted, leading.adopted.ballot)) return promise.decided;
  return promise.last < leading.adopted.last ? promise.last : leading.adopted.last;
}

function appendProposals(turn: Turn, leading: Leading, entries: readonly Uint8Array[]): void {
  const after = lastSlot(turn.state.log);
  writeProposals(turn, leading, entries);
  const { self, log, decided } = turn.state;
  const { ballot } = leading;
  for (const [node, progress] of leading.members) {
    if (node === self) send(turn, self, { type: 'accepted', ballot, last: lastSlot(log) });
    else if (progress.promise !== null)
      send(turn, node, { type: 'accept', ballot, after, entries: entriesAfter(log, after), decided });
  }
}

function writeProposals(turn: Turn, leading: Leading, proposals: readonly Uint8Array[]): void {
  if (proposals.length === 0) return;
  const { ballot } = leading;
  const last = lastSlot(turn.state.log);
  const entries = proposals.map((bytes) => ({ ballot, bytes, next: null }));
  writeAfter(turn, last, entries);
  turn.after.push({ kind: 'proposed', first: slot(last + 1), count: entries.length, ballot });
}

export function onAccepted(turn: Turn, from: NodeId, message: Accepted): void {
  const { role, log, configuration, self, decided } = turn.state;
  if (role.kind !== 'leading' || !sameBallot(role.ballot, message.ballot)) return;
  assertInvariant(
    message.last <= lastSlot(log),
    'I8',
    `${from} accepted slot ${String(message.last)}, which we never sent`,
  );
  const held = role.members.get(from)?.accepted ?? 0;
  if (message.last >= held) recordProgress(turn, from, { accepted: message.last });
  const leading = turn.state.role;
  if (leading.kind !== 'leading') return;
  decideThrough(turn, chosenThrough(leading, configuration));
  if (turn.state.decided === decided) return;
  for (const [node, progress] of leading.members) {
    if (node !== self && progress.accepted !== null)
      send(turn, node, { type: 'decide', ballot: leading.ballot, decided: turn.state.decided });
  }
}

function recordProgress(turn: Turn, node: NodeId, news: Partial<Progress>): void {
  const { role } = turn.state;
  const known = role.kind === 'leading' ? role.members.get(node) : undefined;
  if (role.kind !== 'leading' || known === undefined) return;
  change(turn, { role: { ...role, members: new Map(role.members).set(node, { ...known, ...news }) } });
}

export function onNack(turn: Turn, message: Nack): void {
  const { role } = turn.state;
  if (role.kind !== 'follower' && sameBallot(role.ballot, message.ballot)) stepDown(turn, message.promised);
}

/** Says again what a voter has not answered; to one that lacks nothing, a heartbeat. */
export function resend(turn: Turn): void {
  const { role, configuration, self } = turn.state;
  if (role.kind === 'follower') return;
  for (const voter of configuration.voters) {
    if (voter === self) continue;
    if (role.kind === 'leading') resendTo(turn, role, voter);
    else if (!role.promises.has(voter)) send(turn, voter, prepareMessage(turn, role.ballot));
  }
}

function resendTo(turn: Turn, leading: Leading, voter: NodeId): void {
  const { log, decided } = turn.state;
  const { ballot } = leading;
  const { promise, accepted } = leading.members.get(voter) ?? UNHEARD;
  if (promise === null) return send(turn, voter, prepareMessage(turn, ballot));
  if (accepted === null) return synchronise(turn, leading, voter, promise);
  if (accepted < log.base) return send(turn, voter, { type: 'compacted', ballot, base: log.base });
  send(turn, voter, { type: 'accept', ballot, after: accepted, entries: entriesAfter(log, accepted), decided });
}

function prepareMessage(turn: Turn, ballot: Ballot): Prepare {
  const { accepted, decided, log } = turn.state;
  return { type: 'prepare', ballot, accepted, decided, last: lastSlot(log) };
}

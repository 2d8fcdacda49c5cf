/**
 * Phase 2: what a leader does with its log. PURE.
 *
 * It sends each member what follows what it has sent before, without waiting for answers; what is under way has a
 * bound, and who stands still for a round is asked again how far it is.
 */
import { assertInvariant } from '../errors.js';
import { acceptAfter } from './acceptor.js';
import { sameBallot, type NodeId } from './ballot.js';
import { bounded, isLong, teach } from './catch-up.js';
import { entriesAfter, entryAt, lastSlot, slot, type LogEntry, type Slot } from './contiguous-log.js';
import type { Rejection } from './effects.js';
import { bytesOf, chosenThrough, decideThrough, isStop } from './learner.js';
import type { Accept, Accepted, Decide, PromiseBallot } from './messages.js';
import { becomeFollower, isAlone } from './role.js';
import type { Leading, Progress, Replica } from './state.js';
import { change, send, sendBack, sendEarly, type Turn } from './turn.js';

export const UNHEARD: Progress = { promise: null, accepted: null, sent: null, acceptedBefore: null };

export function membersOf({ configuration }: Replica): readonly NodeId[] {
  return [...configuration.voters, ...configuration.learners];
}

export function propose(turn: Turn, entries: readonly Uint8Array[]): void {
  const { role, limits } = turn.state;
  const reason = refusal(turn.state, entries);
  if (reason !== null) {
    turn.after.push({ kind: 'rejected', entries, reason });
  } else if (role.kind === 'preparing') {
    const pending = [...role.pending, ...entries];
    if (pending.length <= limits.inFlightEntries) change(turn, { role: { ...role, pending } });
    else turn.after.push({ kind: 'rejected', entries, reason: 'busy' });
  } else {
    writeProposals(turn, entries);
    replicate(turn);
  }
}

function refusal(state: Replica, entries: readonly Uint8Array[]): Rejection | null {
  const { role, log, decided, limits, configuration } = state;
  if (role.kind === 'follower') return 'notLeading';
  if (role.kind === 'preparing') return null;
  const newest = entryAt(log, lastSlot(log));
  if (newest !== undefined && isStop(newest, configuration)) return 'stopped';
  if (role.stopping !== null) return 'busy';
  const inFlight = lastSlot(log) - decided;
  // One batch is always taken when nothing is under way, whatever its size.
  if (inFlight === 0 || entries.length === 0) return null;
  if (inFlight + entries.length > limits.inFlightEntries) return 'busy';
  const bytes = entries.reduce((sum, one) => sum + one.length, role.inFlightBytes);
  return bytes > limits.inFlightBytes ? 'busy' : null;
}

/** Behind the log that we lead with, in slots of their own. */
export function writeProposals(turn: Turn, proposals: readonly Uint8Array[]): void {
  if (proposals.length === 0) return;
  const reason = refusal(turn.state, []);
  const { role } = turn.state;
  if (reason !== null || role.kind !== 'leading') {
    turn.after.push({ kind: 'rejected', entries: proposals, reason: reason ?? 'notLeading' });
    return;
  }
  const { ballot } = role;
  appendEntries(
    turn,
    role,
    proposals.map((bytes) => ({ ballot, bytes, next: null })),
  );
}

export function appendEntries(turn: Turn, leading: Leading, entries: readonly LogEntry[]): void {
  const last = lastSlot(turn.state.log);
  acceptAfter(turn, last, entries);
  change(turn, { role: { ...leading, inFlightBytes: leading.inFlightBytes + bytesOf(entries) } });
  turn.after.push({ kind: 'proposed', first: slot(last + 1), count: entries.length, ballot: leading.ballot });
}

/** Sends everybody who is in line what it has not been sent, and vouches for ourselves. */
export function replicate(turn: Turn): void {
  const { role, self } = turn.state;
  if (role.kind !== 'leading') return;
  let members: Map<NodeId, Progress> | null = null;
  let newest: readonly Accept[] = [];
  for (const [node, progress] of role.members) {
    if (node === self || progress.sent === null) continue;
    const end = windowEnd(turn.state, role, node, progress.sent);
    // Members that are equally far are told the same: one message, which the host has to encode once.
    if (!reaches(newest, progress.sent, end)) newest = acceptsFor(turn.state, role, progress.sent, end);
    const sent = sendAll(turn, node, newest, progress.sent);
    if (sent > progress.sent) members = (members ?? new Map(role.members)).set(node, { ...progress, sent });
  }
  if (members !== null) change(turn, { role: { ...role, members } });
  vouch(turn, role);
}

/** Our own vote counts when the write that holds it is durable. */
function vouch(turn: Turn, { ballot }: Leading): void {
  const message = { type: 'accepted', ballot, last: lastSlot(turn.state.log) } as const;
  if (isAlone(turn.state)) send(turn, turn.state.self, message);
  else sendBack(turn, message);
}

/** Up to where a member is sent entries: so many more than it has accepted. */
function windowEnd({ log, limits }: Replica, { members }: Leading, node: NodeId, after: Slot): Slot {
  const window = (members.get(node)?.accepted ?? after) + limits.inFlightEntries;
  return slot(after < log.base ? after : Math.min(lastSlot(log), Math.max(window, after)));
}

/** What follows `after` up to `end`, in messages of a bounded size. */
function acceptsFor({ log, decided, limits }: Replica, { ballot }: Leading, after: Slot, end: Slot): readonly Accept[] {
  const accepts: Accept[] = [];
  for (let sent = after; sent < end;) {
    const entries = bounded(entriesAfter(log, sent, slot(Math.min(end, sent + limits.learnEntries))), limits);
    accepts.push({ type: 'accept', ballot, after: sent, entries, decided });
    sent = slot(sent + entries.length);
  }
  return accepts;
}

function reaches(accepts: readonly Accept[], after: Slot, end: Slot): boolean {
  return accepts[0]?.after === after && endOf(accepts, after) === end;
}

function endOf(accepts: readonly Accept[], after: Slot): Slot {
  const last = accepts.at(-1);
  return last === undefined ? after : slot(last.after + last.entries.length);
}

/** Sends a member these; answers up to where it has been sent all. */
function sendAll(turn: Turn, node: NodeId, accepts: readonly Accept[], after: Slot): Slot {
  for (const accept of accepts) sendEarly(turn, node, accept);
  return endOf(accepts, after);
}

/** Sends what follows `after`; answers up to where. */
function sendEntries(turn: Turn, leading: Leading, node: NodeId, after: Slot): Slot {
  const end = windowEnd(turn.state, leading, node, after);
  return sendAll(turn, node, acceptsFor(turn.state, leading, after, end), after);
}

export function onLatePromise(turn: Turn, leading: Leading, from: NodeId, message: PromiseBallot): void {
  const known = leading.members.get(from);
  // Said again, while what it asked for is on its way.
  const isEcho =
    known?.promise !== null &&
    known?.accepted !== null &&
    known?.promise.last === message.last &&
    known.promise.standing === message.standing;
  if (!isEcho || !sameBallot(message.accepted, leading.ballot)) synchronise(turn, from, message);
}

/** Brings a member that promised us in line with our log. */
export function synchronise(turn: Turn, node: NodeId, promise: PromiseBallot): void {
  const { role: leading, self, log, decided, limits } = turn.state;
  if (leading.kind !== 'leading') return;
  const { ballot } = leading;
  if (node === self) {
    recordProgress(turn, node, { promise });
    return vouch(turn, leading);
  }
  // More is decided than we hold: another leads.
  if (promise.decided > lastSlot(log)) return becomeFollower(turn);
  const after = agreedThrough(turn.state, leading, promise);
  if (sameBallot(promise.accepted, ballot) && after >= log.base) {
    recordProgress(turn, node, { promise, accepted: after, sent: after });
    return afterProgress(turn, node);
  }
  recordProgress(turn, node, { promise, accepted: null, sent: null });
  if (after < log.base) return send(turn, node, { type: 'compacted', ballot, base: log.base });
  const entries = entriesAfter(log, after);
  if (isLong(limits, decided - after, entries)) return void teach(turn, node, promise.decided);
  recordProgress(turn, node, { sent: lastSlot(log) });
  send(turn, node, { type: 'acceptSync', ballot, after, entries, decided });
}

/** How far a member's log is certainly the same as ours. */
function agreedThrough({ log }: Replica, leading: Leading, promise: PromiseBallot): Slot {
  const last = promise.last < lastSlot(log) ? promise.last : lastSlot(log);
  if (sameBallot(promise.accepted, leading.ballot)) return last;
  if (!sameBallot(promise.accepted, leading.adopted.ballot)) return promise.decided;
  const agreed = last < leading.adopted.last ? last : leading.adopted.last;
  return agreed > promise.decided ? agreed : promise.decided;
}

export function onAccepted(turn: Turn, from: NodeId, message: Accepted): void {
  const { role, log } = turn.state;
  if (role.kind !== 'leading' || !sameBallot(role.ballot, message.ballot)) return;
  const { last } = message;
  assertInvariant(last <= lastSlot(log), 'I8', `${from} accepted slot ${String(last)}, which we never sent`);
  const known = role.members.get(from);
  if (last >= (known?.accepted ?? 0))
    recordProgress(turn, from, { accepted: last, sent: (known?.sent ?? 0) > last ? (known?.sent ?? last) : last });
  afterProgress(turn, from);
}

function afterProgress(turn: Turn, node: NodeId): void {
  const { role, decided } = turn.state;
  if (role.kind !== 'leading') return;
  decideThrough(turn, chosenThrough(turn.state, role));
  replicateTo(turn, node);
  if (turn.state.decided > decided) tellDecided(turn);
}

function tellDecided(turn: Turn): void {
  const { role, self, decided } = turn.state;
  if (role.kind !== 'leading') return;
  const message: Decide = { type: 'decide', ballot: role.ballot, decided };
  for (const [node, progress] of role.members)
    if (node !== self && progress.accepted !== null) send(turn, node, message);
}

function replicateTo(turn: Turn, node: NodeId): void {
  const { role, self, log } = turn.state;
  if (role.kind !== 'leading' || node === self) return;
  const sent = role.members.get(node)?.sent ?? null;
  if (sent === null || sent === lastSlot(log)) return;
  recordProgress(turn, node, { sent: sendEntries(turn, role, node, sent) });
}

export function recordProgress(turn: Turn, node: NodeId, news: Partial<Progress>): void {
  const { role } = turn.state;
  const known = role.kind === 'leading' ? role.members.get(node) : undefined;
  if (role.kind !== 'leading' || known === undefined) return;
  change(turn, { role: { ...role, members: new Map(role.members).set(node, { ...known, ...news }) } });
}

/**
 * Decided entries, from anybody to anybody, across configurations: what is chosen is chosen for ever. PURE.
 *
 * Pulled: each `learn` says how far its sender is, and whoever is behind fetches on. It changes no ballot, so it can
 * stop after any chunk.
 */
import { sameBallot, type NodeId } from './ballot.js';
import { entriesAfter, entryAt, slot, type LogEntry, type Slot } from './contiguous-log.js';
import { afterDeciding, bytesOf, decideThrough, isStop } from './learner.js';
import type { Limits } from './limits.js';
import type { Compacted, Fetch, Learn } from './messages.js';
import { becomeFollower, canLead } from './role.js';
import { change, send, writeAfter, type Turn } from './turn.js';

export function fetchFrom(turn: Turn, node: NodeId): void {
  send(turn, node, { type: 'fetch', after: turn.state.decided });
}

/** Tells how far we are; whoever is behind asks. */
export function announce(turn: Turn, node: NodeId): void {
  const { decided } = turn.state;
  send(turn, node, { type: 'learn', after: decided, entries: [], decided });
}

/** Answers whether that was the last of what is decided. */
export function teach(turn: Turn, node: NodeId, after: Slot): boolean {
  const { log, decided, limits, promised } = turn.state;
  if (after < log.base) {
    send(turn, node, { type: 'compacted', ballot: promised, base: log.base });
    return false;
  }
  const entries = bounded(entriesAfter(log, after, slot(Math.min(decided, after + limits.learnEntries))), limits);
  send(turn, node, { type: 'learn', after, entries, decided });
  return after + entries.length >= decided;
}

/** One entry at least, whatever its size. */
export function bounded(entries: readonly LogEntry[], { learnEntries, learnBytes }: Limits): readonly LogEntry[] {
  let bytes = 0;
  const end = entries.findIndex((entry, index) => {
    bytes += entry.bytes.length;
    return index > 0 && (index >= learnEntries || bytes > learnBytes);
  });
  return end < 0 ? entries : entries.slice(0, end);
}

/** Too much of it is decided for one message: it is better learned in pieces first. */
export function isLong(limits: Limits, decided: number, entries: readonly LogEntry[]): boolean {
  return decided > limits.learnEntries || (decided > 0 && bytesOf(entries) > limits.inFlightBytes);
}

/** Answers whether the node has everything that is decided after this. */
export function onFetch(turn: Turn, from: NodeId, message: Fetch): boolean {
  const { decided } = turn.state;
  // Who asks for what comes after that has all up to there, and may be the only one who can tell it: a removed member, say.
  if (message.after > decided) fetchFrom(turn, from);
  return message.after >= decided || teach(turn, from, message.after);
}

export function onLearn(turn: Turn, from: NodeId, message: Learn): void {
  const { decided, log, role, configuration } = turn.state;
  if (message.decided <= decided) return;
  const all = message.after > decided ? [] : message.entries.slice(decided - message.after);
  // One configuration after the other: only within one does a ballot mean one leader, also of a node that forgot its own.
  const stop = all.findIndex((entry) => isStop(entry, configuration));
  const fresh = stop < 0 ? all : all.slice(0, stop + 1);
  const newest = fresh.at(-1);
  if (newest === undefined) {
    // A copy of what we have learned brings no question with it: copies of questions and answers would breed.
    const isCopy = message.entries.length > 0 && message.after <= decided;
    if (!isCopy) fetchFrom(turn, from);
    return;
  }
  const through = slot(decided + fresh.length);
  const held = entryAt(log, through);
  // An entry's ballot fixes everything before it, too: where it is the same, our log is.
  const same = held !== undefined && sameBallot(held.ballot, newest.ballot);
  // Others have gone past us: what we lead, or try to, is over or needs another look.
  if (role.kind === 'preparing' || !same) becomeFollower(turn);
  // What conflicts with a decided entry was never chosen, and nor was what follows it.
  if (!same) writeAfter(turn, decided, fresh);
  decideThrough(turn, through);
  if (turn.state.decided < message.decided) fetchFrom(turn, from);
}

/** We lag behind what `from` still has in its log: where we do not hold that much, proposing waits until a checkpoint is installed. */
export function onCompacted(turn: Turn, from: NodeId, message: Compacted): void {
  if (message.base <= turn.state.decided) return;
  change(turn, { behind: message.base });
  if (!canLead(turn.state)) becomeFollower(turn);
  turn.after.push({ kind: 'checkpointNeeded', from, base: message.base });
  afterDeciding(turn);
}

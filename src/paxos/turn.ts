/**
 * One step in the making. PURE: a turn is local to one call of `step`; the roles' functions change it, and what comes
 * out is a new state and one ordered list of effects.
 *
 * What a replica says to itself is handled in the same step (`inbox`), so a single replica goes from prepare to chosen
 * in one step with one write. One message is the exception where there are others to hear of it: a leader's own
 * `accepted` goes through the host, behind the write that it vouches for (D1).
 */
import type { NodeId } from './ballot.js';
import type { Configuration } from './configuration.js';
import { entriesAfter, lastSlot, replaceAfter, slot, type LogEntry, type Slot } from './contiguous-log.js';
import type { Effect, Write } from './effects.js';
import type { Message } from './messages.js';
import type { Replica } from './state.js';

export interface Turn {
  state: Replica;
  /** The lowest slot whose row was replaced in this turn; null: none. */
  replacedFrom: Slot | null;
  /** The slot of the checkpoint that this turn installed. */
  install: Slot | null;
  /** The configuration that a decided stop-sign ended in this turn, and whether we led it. */
  ended: { readonly configuration: Configuration; readonly led: boolean } | null;
  /** What may leave before the write: it depends on nothing in it. */
  readonly early: Effect[];
  /** Everything that happens after the write, in order. */
  readonly after: Effect[];
  readonly inbox: Message[];
}

export function beginTurn(state: Replica): Turn {
  return { state, replacedFrom: null, install: null, ended: null, early: [], after: [], inbox: [] };
}

export function change(turn: Turn, fields: Partial<Replica>): void {
  turn.state = { ...turn.state, ...fields };
}

export function send(turn: Turn, to: NodeId, message: Message): void {
  if (to === turn.state.self) turn.inbox.push(message);
  else turn.after.push(envelope(turn, to, message));
}

/** For what depends on nothing that this turn writes: it leaves while the disk is busy. */
export function sendEarly(turn: Turn, to: NodeId, message: Message): void {
  turn.early.push(envelope(turn, to, message));
}

/** To ourselves, but only when this turn's write is durable. */
export function sendBack(turn: Turn, message: Message): void {
  turn.after.push(envelope(turn, turn.state.self, message));
}

function envelope(turn: Turn, to: NodeId, message: Message): Effect {
  const { self, configuration } = turn.state;
  return { kind: 'send', envelope: { from: self, to, configuration: configuration.id, message } };
}

/** Puts `entries` into the slots after `after`, in place of whatever stood there. */
export function writeAfter(turn: Turn, after: Slot, entries: readonly LogEntry[]): void {
  const last = lastSlot(turn.state.log);
  if (entries.length === 0 && after === last) return;
  change(turn, { log: replaceAfter(turn.state.log, after, entries) });
  const first = slot(after + 1);
  turn.replacedFrom = turn.replacedFrom === null || first < turn.replacedFrom ? first : turn.replacedFrom;
}

/** The step's effects: what may leave at once, one write of everything durable that changed, then the rest. */
export function effectsOf(turn: Turn, before: Replica): readonly Effect[] {
  const write = writeOf(turn, before);
  return write === null ? [...turn.early, ...turn.after] : [...turn.early, { kind: 'persist', write }, ...turn.after];
}

function writeOf(turn: Turn, before: Replica): Write | null {
  const { promised, accepted, decided, log, configuration, abstains } = turn.state;
  const sameVotes = promised === before.promised && accepted === before.accepted && abstains === before.abstains;
  const sameRows = turn.replacedFrom === null && turn.install === null;
  const sync = !sameVotes || !sameRows || configuration !== before.configuration;
  if (!sync && decided === before.decided) return null;
  const first = turn.replacedFrom ?? slot(lastSlot(log) + 1);
  const entries = entriesAfter(log, slot(first - 1));
  return { promised, accepted, decided, configuration, abstains, first, entries, install: turn.install, sync };
}

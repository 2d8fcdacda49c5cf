/**
 * One step in the making. PURE: a turn is local to one call of `step`; the roles' functions change it, and what comes
 * out is a new state and one ordered list of effects.
 *
 * Messages to ourselves never leave: they wait in `inbox` and are handled in the same step, so a single replica goes
 * from prepare to chosen in one step with one write.
 */
import type { NodeId } from './ballot.js';
import { entriesAfter, lastSlot, replaceAfter, slot, type LogEntry, type Slot } from './contiguous-log.js';
import type { Effect } from './effects.js';
import type { Message } from './messages.js';
import type { Replica } from './state.js';

export interface Turn {
  state: Replica;
  /** The lowest slot whose row was replaced in this turn; null: none. */
  replacedFrom: Slot | null;
  /** Everything that happens after the write, in order. */
  readonly after: Effect[];
  readonly inbox: Message[];
}

export function beginTurn(state: Replica): Turn {
  return { state, replacedFrom: null, after: [], inbox: [] };
}

export function change(turn: Turn, fields: Partial<Replica>): void {
  turn.state = { ...turn.state, ...fields };
}

export function send(turn: Turn, to: NodeId, message: Message): void {
  const { self, configuration } = turn.state;
  if (to === self) turn.inbox.push(message);
  else turn.after.push({ kind: 'send', envelope: { from: self, to, configuration: configuration.id, message } });
}

/** Puts `entries` into the slots after `after`, in place of whatever stood there. */
export function writeAfter(turn: Turn, after: Slot, entries: readonly LogEntry[]): void {
  const last = lastSlot(turn.state.log);
  if (entries.length === 0 && after === last) return;
  change(turn, { log: replaceAfter(turn.state.log, after, entries) });
  const first = slot(after + 1);
  turn.replacedFrom = turn.replacedFrom === null || first < turn.replacedFrom ? first : turn.replacedFrom;
}

/** Raises the decided slot (never lowers it, never past the log) and says what is newly chosen. */
export function decideThrough(turn: Turn, through: Slot): void {
  const { decided, log } = turn.state;
  const reached = through < lastSlot(log) ? through : lastSlot(log);
  if (reached <= decided) return;
  const entries = entriesAfter(log, decided).slice(0, reached - decided);
  change(turn, { decided: reached });
  turn.after.push({ kind: 'chosen', first: slot(decided + 1), entries });
}

/** The step's effects: one write of everything durable that changed, then the rest. */
export function effectsOf(turn: Turn, before: Replica): readonly Effect[] {
  const { promised, accepted, decided, log, configuration, abstains } = turn.state;
  const same = promised === before.promised && accepted === before.accepted && decided === before.decided;
  if (same && turn.replacedFrom === null) return turn.after;
  const first = turn.replacedFrom ?? slot(lastSlot(log) + 1);
  const entries = entriesAfter(log, slot(first - 1));
  const write = { promised, accepted, decided, configuration, abstains, first, entries, install: null, sync: true };
  return [{ kind: 'persist', write }, ...turn.after];
}

/** Histories for the checker's own tests: from a simulated object that is linearizable, by construction. */
import type { HistoryEvent } from './history.js';
import { UNHEARD } from './history.js';
import type { Model } from './model.js';
import type { RegisterAnswer, RegisterCall } from './models.js';

export type RegisterEvent = HistoryEvent<RegisterCall, RegisterAnswer>;

/** What the simulation asks the generator for: a number below `bound`. */
export type Pick = (bound: number) => number;

interface Client {
  readonly name: string;
  call: RegisterCall | null;
  /** Taken effect: what it will be told. */
  answer: RegisterAnswer | null;
}

/**
 * Runs `clients` against one register. Calls take effect at a moment between invocation and answer; a client that gives
 * up leaves its call behind, which takes effect later or never.
 */
export function simulateRegister(pick: Pick, clients: number, steps: number): readonly RegisterEvent[] {
  const all = Array.from({ length: clients }, (_, n): Client => ({
    name: `client ${String(n)}`,
    call: null,
    answer: null,
  }));
  const events: RegisterEvent[] = [];
  const left: RegisterCall[] = [];
  let value = 0;
  for (let step = 0; step < steps; step += 1) {
    const client = all[pick(all.length)];
    if (client === undefined) continue;
    const process = client.name;
    if (client.call === null) {
      client.call = randomCall(pick);
      events.push({ kind: 'invoke', process, call: client.call });
    } else if (client.answer === null && pick(4) === 0) {
      if (pick(2) === 0) {
        left.push(client.call);
        events.push({ kind: 'unknown', process });
      } else {
        events.push({ kind: 'fail', process });
      }
      client.call = null;
    } else if (client.answer === null) {
      [value, client.answer] = apply(value, client.call);
    } else {
      events.push(pick(5) === 0 ? { kind: 'unknown', process } : { kind: 'ok', process, answer: client.answer });
      client.call = null;
      client.answer = null;
    }
    const late = pick(6) === 0 ? left.shift() : undefined;
    if (late !== undefined) [value] = apply(value, late);
  }
  return events;
}

export function randomCall(pick: Pick): RegisterCall {
  const value = pick(3);
  switch (pick(3)) {
    case 0:
      return { kind: 'write', value };
    case 1:
      return { kind: 'compareAndSet', expected: pick(3), value };
    default:
      return { kind: 'read' };
  }
}

function apply(value: number, call: RegisterCall): [value: number, answer: RegisterAnswer] {
  switch (call.kind) {
    case 'read':
      return [value, value];
    case 'write':
      return [call.value, true];
    case 'compareAndSet':
      return call.expected === value ? [call.value, true] : [value, false];
  }
}

/** The same history with one answer changed, or with two neighbouring events of different clients exchanged. */
export function mutate(events: readonly RegisterEvent[], pick: Pick): readonly RegisterEvent[] {
  const at = pick(Math.max(1, events.length));
  const event = events[at];
  const next = events[at + 1];
  if (event?.kind === 'ok') {
    const answer = typeof event.answer === 'boolean' ? !event.answer : (event.answer + 1 + pick(2)) % 3;
    return events.with(at, { ...event, answer });
  }
  if (event === undefined || next === undefined || next.process === event.process) return events;
  return events.with(at, next).with(at + 1, event);
}

/** Whether `order` is one that the model allows, and that keeps to real time. */
export function isWitness<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  order: readonly { invoked: number; answered: number; call: Call; answer: Answer | typeof UNHEARD }[],
): boolean {
  let state: State | null = model.initial;
  for (const { call, answer } of order) {
    if (state === null) return false;
    state = model.step(state, call, answer);
  }
  return (
    state !== null &&
    order.every((later, index) => order.slice(0, index).every((sooner) => sooner.invoked < later.answered))
  );
}

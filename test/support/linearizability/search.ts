/**
 * Looks for one order of all operations that a sequential object could have answered so. PURE.
 *
 * After G. Lowe, "Testing for linearizability" (2017), which refines J. Wing and C. Gong (1993): the history is walked
 * from answer to answer. An operation is placed just in time: at its answer at the latest, and another one that is
 * running only where that makes room for it. What was tried is remembered as (place in the history, operations placed
 * early, state), so no configuration is explored twice. Three rules, each of which keeps an order if there is one:
 * - an operation that fits and could change nothing in any state is placed at once;
 * - an operation of unknown outcome that would change nothing is not placed;
 * - equal calls of unknown outcome are one as good as another: those invoked first are used up first, and of two
 *   configurations that differ only in what they used up, one that used no more of any can do all that the other can.
 */
import { UNHEARD, type Operation } from './history.js';
import type { Model } from './model.js';

/** One operation placed in the order, and what stands before it. */
interface Placed<Call, Answer> {
  readonly operation: Operation<Call, Answer>;
  readonly before: Placed<Call, Answer> | null;
}

/** By the place of the call in `Timeline.lost`; calls of which none is placed are absent. */
type Used = ReadonlyMap<number, number>;

/** What a search has come to: everything answered before `returns[at]` is placed. Numbers are places in `operations`. */
interface Configuration<State, Call, Answer> {
  readonly at: number;
  readonly state: State;
  /** Placed before their answer, ascending. */
  readonly early: readonly number[];
  /** How many operations of unknown outcome are placed, by their call. */
  readonly used: Used;
  readonly order: Placed<Call, Answer> | null;
  readonly length: number;
}

export interface Stuck<State, Call, Answer> {
  /** The longest order found, and the state after it. */
  readonly order: readonly Operation<Call, Answer>[];
  readonly state: State;
  /** The operation whose answer fits nowhere. */
  readonly unplaced: Operation<Call, Answer>;
  /** Running at that moment, and placed neither. */
  readonly concurrent: readonly Operation<Call, Answer>[];
}

export type SearchResult<State, Call, Answer> =
  | { readonly kind: 'found'; readonly order: readonly Operation<Call, Answer>[]; readonly configurations: number }
  | { readonly kind: 'none'; readonly stuck: Stuck<State, Call, Answer>; readonly configurations: number }
  /** Gave up after `limit` configurations. */
  | { readonly kind: 'undecided'; readonly configurations: number };

export function search<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
  limit: number,
): SearchResult<State, Call, Answer> {
  const timeline = timelineOf(operations);
  const { returns, lost } = timeline;
  const seen = new Map<string, Used[]>();
  const frontier = new Frontier<Configuration<State, Call, Answer>>();
  const start = { at: 0, state: model.initial, early: [], used: new Map<number, number>(), order: null, length: 0 };
  let best = settle(model, operations, returns, start);
  frontier.add(best);
  let configurations = 0;
  for (let here = frontier.take(); here !== undefined; here = frontier.take()) {
    if (isFurther(here, best)) best = here;
    const due = returns[here.at];
    if (due === undefined) return { kind: 'found', order: orderOf(here.order), configurations };
    if (!isNew(seen, here, model.key(here.state))) continue;
    configurations += 1;
    if (configurations > limit) return { kind: 'undecided', configurations };
    const add = (next: Configuration<State, Call, Answer> | null) => {
      if (next !== null) frontier.add(settle(model, operations, returns, next));
    };
    for (const number of [due.number, ...due.running.filter((other) => other !== due.number)])
      add(placeHeard(model, operations[number], number, here));
    for (let call = 0; call < due.lostCalls; call += 1) {
      const number = lost[call]?.[here.used.get(call) ?? 0];
      const operation = number === undefined ? undefined : operations[number];
      if (operation !== undefined && operation.invoked < due.moment) add(placeLost(model, operation, call, here));
    }
  }
  return { kind: 'none', stuck: stuckAt(operations, returns, best), configurations };
}

/** Furthest in the history first; there in the order in which they came, so that the fewest are placed early. */
class Frontier<Item extends { readonly at: number }> {
  readonly #queues: Item[][] = [];

  add(item: Item): void {
    while (this.#queues.length <= item.at) this.#queues.push([]);
    this.#queues[item.at]?.push(item);
  }

  take(): Item | undefined {
    while (this.#queues.at(-1)?.length === 0) this.#queues.pop();
    return this.#queues.at(-1)?.shift();
  }
}

interface Timeline {
  /** In the order of the answers. */
  readonly returns: readonly Return[];
  /** Operations of unknown outcome, equal calls together: by first invocation, and so within each. */
  readonly lost: readonly (readonly number[])[];
}

/** An answer in the history, with what was running just before it. */
interface Return {
  readonly number: number;
  readonly moment: number;
  /** Answered here or later, the one that is due included. */
  readonly running: readonly number[];
  /** How many of `Timeline.lost` had been invoked once at least. */
  readonly lostCalls: number;
}

function timelineOf<Call, Answer>(operations: readonly Operation<Call, Answer>[]): Timeline {
  const lost = new Map<string, number[]>();
  let running: number[] = [];
  let invoked = 0;
  const answered = [...operations.entries()]
    .filter(([, { answer }]) => answer !== UNHEARD)
    .sort(([, a], [, b]) => a.answered - b.answered);
  const returns = answered.map(([number, { answered: moment }]) => {
    for (let next = operations[invoked]; next !== undefined && next.invoked < moment; next = operations[invoked]) {
      if (next.answer !== UNHEARD) running.push(invoked);
      else lost.set(JSON.stringify(next.call), [...(lost.get(JSON.stringify(next.call)) ?? []), invoked]);
      invoked += 1;
    }
    const found = { number, moment, running: [...running], lostCalls: lost.size };
    running = running.filter((other) => other !== number);
    return found;
  });
  return { returns, lost: [...lost.values()] };
}

/** Passes answers of what is placed already, and places what only reads and fits. */
function settle<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
  returns: readonly Return[],
  configuration: Configuration<State, Call, Answer>,
): Configuration<State, Call, Answer> {
  let { at, early, order, length } = configuration;
  for (let due = returns[at]; due !== undefined; due = returns[at]) {
    for (const number of due.running) {
      const operation = operations[number];
      if (operation === undefined || early.includes(number)) continue;
      if (!model.readsOnly(operation.call, operation.answer)) continue;
      if (model.step(configuration.state, operation.call, operation.answer) === null) continue;
      early = [...early, number].sort((a, b) => a - b);
      order = { operation, before: order };
      length += 1;
    }
    if (!early.includes(due.number)) break;
    early = early.filter((number) => number !== due.number);
    at += 1;
  }
  return { ...configuration, at, early, order, length };
}

/** The configuration after placing that operation next; null where it is placed already or does not fit. */
function placeHeard<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operation: Operation<Call, Answer> | undefined,
  number: number,
  { at, state, early, used, order, length }: Configuration<State, Call, Answer>,
): Configuration<State, Call, Answer> | null {
  if (operation === undefined || early.includes(number)) return null;
  const after = model.step(state, operation.call, operation.answer);
  if (after === null) return null;
  const placed = { order: { operation, before: order }, length: length + 1 };
  return { at, state: after, early: [...early, number].sort((a, b) => a - b), used, ...placed };
}

function placeLost<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operation: Operation<Call, Answer>,
  call: number,
  { at, state, early, used, order, length }: Configuration<State, Call, Answer>,
): Configuration<State, Call, Answer> | null {
  const after = model.step(state, operation.call, UNHEARD);
  if (after === null || model.key(after) === model.key(state)) return null;
  const more = new Map(used).set(call, (used.get(call) ?? 0) + 1);
  return { at, state: after, early, used: more, order: { operation, before: order }, length: length + 1 };
}

/** Whether nothing that can do as much was explored before; notes it. */
function isNew(
  seen: Map<string, Used[]>,
  { at, early, used }: Configuration<unknown, unknown, unknown>,
  state: string,
): boolean {
  const key = `${String(at)} ${early.join(',')} ${state}`;
  const others = seen.get(key);
  if (others === undefined) seen.set(key, [used]);
  else if (others.some((other) => [...other].every(([call, count]) => count <= (used.get(call) ?? 0)))) return false;
  else others.push(used);
  return true;
}

function isFurther(a: Configuration<unknown, unknown, unknown>, b: Configuration<unknown, unknown, unknown>): boolean {
  return a.at > b.at || (a.at === b.at && a.length > b.length);
}

function stuckAt<State, Call, Answer>(
  operations: readonly Operation<Call, Answer>[],
  returns: readonly Return[],
  { at, state, order }: Configuration<State, Call, Answer>,
): Stuck<State, Call, Answer> {
  const due = returns[at];
  const unplaced = operations[due?.number ?? 0];
  if (due === undefined || unplaced === undefined) throw new Error('a search is stuck before an answer');
  const placed = new Set(orderOf(order));
  const concurrent = operations.filter(
    (operation) =>
      operation.invoked < due.moment &&
      operation.answered > due.moment &&
      operation !== unplaced &&
      !placed.has(operation),
  );
  return { order: [...placed], state, unplaced, concurrent };
}

function orderOf<Call, Answer>(last: Placed<Call, Answer> | null): readonly Operation<Call, Answer>[] {
  const order: Operation<Call, Answer>[] = [];
  for (let placed = last; placed !== null; placed = placed.before) order.push(placed.operation);
  return order.reverse();
}

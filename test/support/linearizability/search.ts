/**
 * Looks for one order of all operations that a sequential object could have answered so. PURE.
 *
 * After G. Lowe, "Testing for linearizability" (2017), which refines J. Wing and C. Gong (1993): the history is walked
 * from answer to answer. An operation is placed just in time: at its answer at the latest, and another one that is
 * running only where that makes room for it. What was tried is remembered as (place in the history, operations placed
 * early, state), so no configuration is explored twice. Three rules, each of which keeps an order if there is one:
 * - an operation that fits and could change nothing in any state is placed at once;
 * - an operation of unknown outcome that would change nothing is not placed;
 * - of two configurations that differ only in which unknown operations they used up, one that used a subset of the
 *   other's can do all that the other can.
 */
import { UNHEARD, type Operation } from './history.js';
import type { Model } from './model.js';

/** One operation placed in the order, and what stands before it. */
interface Placed<Call, Answer> {
  readonly operation: Operation<Call, Answer>;
  readonly before: Placed<Call, Answer> | null;
}

/** What a search has come to: everything answered before `returns[at]` is placed. Numbers are places in `operations`. */
interface Configuration<State, Call, Answer> {
  readonly at: number;
  readonly state: State;
  /** Placed before their answer, ascending. */
  readonly early: readonly number[];
  /** Of unknown outcome and placed, ascending. */
  readonly used: readonly number[];
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
  const returns = returnsOf(operations);
  const seen = new Map<string, (readonly number[])[]>();
  const frontier = new Frontier<Configuration<State, Call, Answer>>();
  const start = { at: 0, state: model.initial, early: [], used: [], order: null, length: 0 };
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
    for (const number of [due.number, ...due.running.filter((other) => other !== due.number), ...due.unknown]) {
      const next = place(model, operations, here, number);
      if (next !== null) frontier.add(settle(model, operations, returns, next));
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

/** An answer in the history, with what was running just before it. */
interface Return {
  readonly number: number;
  /** Answered here or later, the one that is due included. */
  readonly running: readonly number[];
  readonly unknown: readonly number[];
}

function returnsOf<Call, Answer>(operations: readonly Operation<Call, Answer>[]): readonly Return[] {
  const answered = [...operations.keys()]
    .filter((number) => operations[number]?.answer !== UNHEARD)
    .sort((a, b) => answerOf(operations, a) - answerOf(operations, b));
  let running: number[] = [];
  let unknown: readonly number[] = [];
  let invoked = 0;
  return answered.map((number) => {
    const moment = answerOf(operations, number);
    for (; (operations[invoked]?.invoked ?? Infinity) < moment; invoked += 1) {
      if (operations[invoked]?.answer === UNHEARD) unknown = [...unknown, invoked];
      else running.push(invoked);
    }
    const found = { number, running: [...running], unknown };
    running = running.filter((other) => other !== number);
    return found;
  });
}

function answerOf(operations: readonly Operation<unknown, unknown>[], number: number): number {
  return operations[number]?.answered ?? Infinity;
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
      early = withNumber(early, number);
      order = { operation, before: order };
      length += 1;
    }
    if (!early.includes(due.number)) break;
    early = withoutNumber(early, due.number);
    at += 1;
  }
  return { ...configuration, at, early, order, length };
}

/** The configuration after placing that operation next; null where it is placed already or does not fit. */
function place<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
  configuration: Configuration<State, Call, Answer>,
  number: number,
): Configuration<State, Call, Answer> | null {
  const operation = operations[number];
  const { at, early, used, order, length } = configuration;
  if (operation === undefined || early.includes(number) || used.includes(number)) return null;
  const state = model.step(configuration.state, operation.call, operation.answer);
  if (state === null) return null;
  const placed = { at, state, order: { operation, before: order }, length: length + 1 };
  if (operation.answer !== UNHEARD) return { ...placed, early: withNumber(early, number), used };
  if (model.key(state) === model.key(configuration.state)) return null;
  return { ...placed, early, used: withNumber(used, number) };
}

/** Whether nothing that can do as much was explored before; notes it. */
function isNew(
  seen: Map<string, (readonly number[])[]>,
  { at, early, used }: Configuration<unknown, unknown, unknown>,
  state: string,
): boolean {
  const key = `${String(at)} ${early.join(',')} ${state}`;
  const others = seen.get(key) ?? [];
  if (others.some((other) => other.every((number) => used.includes(number)))) return false;
  seen.set(key, [...others, used]);
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
  const concurrent = [...due.running, ...due.unknown]
    .flatMap((number) => operations[number] ?? [])
    .filter((operation) => operation !== unplaced && !placed.has(operation));
  return { order: [...placed], state, unplaced, concurrent };
}

function orderOf<Call, Answer>(last: Placed<Call, Answer> | null): readonly Operation<Call, Answer>[] {
  const order: Operation<Call, Answer>[] = [];
  for (let placed = last; placed !== null; placed = placed.before) order.push(placed.operation);
  return order.reverse();
}

function withNumber(numbers: readonly number[], number: number): readonly number[] {
  return [...numbers, number].sort((a, b) => a - b);
}

function withoutNumber(numbers: readonly number[], number: number): readonly number[] {
  return numbers.filter((other) => other !== number);
}

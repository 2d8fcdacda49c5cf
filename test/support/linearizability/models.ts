/** Sequential objects that histories are checked against. PURE. */
import { UNHEARD, type History, type Unheard } from './history.js';
import type { Model } from './model.js';

export type RegisterCall =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: number }
  /** Writes `value` where `expected` stands; otherwise changes nothing. */
  | { readonly kind: 'compareAndSet'; readonly expected: number; readonly value: number };
/** What a read saw; of a write whether it was done, which for a plain write is always true. */
export type RegisterAnswer = number | boolean;

/** A register, with compare-and-set. */
export function registerModel(initial: number): Model<number, RegisterCall, RegisterAnswer> {
  return {
    initial,
    step(state, call, answer) {
      switch (call.kind) {
        case 'read':
          return answer === UNHEARD || answer === state ? state : null;
        case 'write':
          return answer === UNHEARD || answer === true ? call.value : null;
        case 'compareAndSet': {
          const done = call.expected === state;
          if (answer !== UNHEARD && answer !== done) return null;
          return done ? call.value : state;
        }
      }
    },
    // A compare-and-set that found something else is a read.
    readsOnly: ({ kind }, answer) => kind === 'read' || (kind === 'compareAndSet' && answer === false),
    key: String,
    show: String,
  };
}

/** Many registers, each an object of its own. */
export type KeyedCall = RegisterCall & { readonly key: string };

export function registersModel(initial: number): Model<number, KeyedCall, RegisterAnswer> {
  return { ...registerModel(initial), objectOf: ({ key }) => key };
}

export type LogCall = { readonly kind: 'append'; readonly value: string } | { readonly kind: 'read' };
export type LogAnswer =
  /** Of an append. */
  | { readonly slot: number }
  /** Of a read: everything appended, in order. Others may own slots between. */
  | { readonly values: readonly string[] };

/** The log so far, as its newest entry and what stands before it. */
export interface LogState {
  readonly newest: { readonly value: string; readonly before: LogState } | null;
  readonly length: number;
  /** The lowest that the newest entry's slot can be. */
  readonly slot: number;
  /** The newest slot that somebody was told. */
  readonly told: number;
  /** Says all of the above in one number, so that states compare in a moment. */
  readonly number: number;
}

/** What a whole history tells of the one order that can explain it. */
export interface Foresight {
  /** The longest read. */
  readonly longest: readonly string[];
  /** From each slot that an append was told to the next one. */
  readonly nextSlot: ReadonlyMap<number, number>;
}

export function foresee(history: History<LogCall, LogAnswer>): Foresight {
  const answers = history.flatMap((event) => (event.kind === 'ok' ? [event.answer] : []));
  const longest = answers
    .flatMap((answer) => ('values' in answer ? [answer.values] : []))
    .reduce((longer, values) => (values.length > longer.length ? values : longer), []);
  const slots = answers.flatMap((answer) => ('slot' in answer ? [answer.slot] : [])).sort((a, b) => a - b);
  return { longest, nextSlot: new Map([0, ...slots].map((slot, index) => [slot, slots[index] ?? Infinity])) };
}

/**
 * A log whose slots only rise; reads see all of it. Each value is appended by one call only.
 * @param foresight of the same history: what cannot lead to an order is not tried then. It changes no verdict; without
 *   it an append of unknown outcome might stand anywhere, and long histories take too long
 */
export function logModel(foresight: Foresight | null = null): Model<LogState, LogCall, LogAnswer> {
  const numbers = new Map<string, number>();
  const numberOf = (before: LogState, value: string, slot: number): number => {
    const key = `${String(before.number)} ${String(slot)} ${value}`;
    const number = numbers.get(key) ?? numbers.size + 1;
    numbers.set(key, number);
    return number;
  };
  return {
    initial: { newest: null, length: 0, slot: 0, told: 0, number: 0 },
    step(state, call, answer) {
      if (call.kind === 'read') {
        return answer === UNHEARD || ('values' in answer && holds(state, answer.values)) ? state : null;
      }
      const slot = slotOf(state, answer);
      if (slot === null || (foresight !== null && !leadsOn(foresight, state, call.value, answer))) return null;
      const told = answer === UNHEARD ? state.told : slot;
      const newest = { value: call.value, before: state };
      return { newest, length: state.length + 1, slot, told, number: numberOf(state, call.value, slot) };
    },
    readsOnly: ({ kind }) => kind === 'read',
    key: ({ number }) => String(number),
    show: (state) => `[… ${lastValues(state, 5).join(' ')}] up to slot ${String(state.slot)}`,
  };
}

/**
 * Whether such an append can stand next: the longest read must come out just so, and heard appends in the order of
 * their slots. After the longest read nobody sees an append that was not heard of, so it need not stand anywhere.
 */
function leadsOn(
  { longest, nextSlot }: Foresight,
  { length, told }: LogState,
  value: string,
  answer: LogAnswer | Unheard,
): boolean {
  if (answer === UNHEARD) return longest[length] === value;
  return 'slot' in answer && nextSlot.get(told) === answer.slot && (longest[length] ?? value) === value;
}

/** The slot that an append gets there; null where the one that it was told cannot be. */
function slotOf(state: LogState, answer: LogAnswer | Unheard): number | null {
  if (answer === UNHEARD) return state.slot + 1;
  return 'slot' in answer && answer.slot > state.slot ? answer.slot : null;
}

function holds(state: LogState, values: readonly string[]): boolean {
  if (values.length !== state.length) return false;
  let { newest } = state;
  for (let index = values.length - 1; index >= 0; index -= 1) {
    if (newest?.value !== values[index]) return false;
    newest = newest?.before.newest ?? null;
  }
  return true;
}

function lastValues(state: LogState, count: number): readonly string[] {
  const values: string[] = [];
  for (let { newest } = state; newest !== null && values.length < count; newest = newest.before.newest) {
    values.unshift(newest.value);
  }
  return values;
}

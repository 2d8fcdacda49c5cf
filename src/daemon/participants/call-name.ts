/**
 * The name of a call, given by whoever makes it: a command, or a daemon on its own behalf. It travels with the call over
 * every connection that carries it, so that a call which is sent again is known as the same one everywhere.
 */
import { natural, plain, text, type Check } from '../../wire/shape.js';

export interface CallName {
  /** Random for each process and each node that it calls. */
  readonly caller: string;
  /** Counted from 1. */
  readonly sequence: number;
  /** The caller waits for nothing below: what was kept of those may go, and a late copy of one is not begun. */
  readonly oldest: number;
}

/** As in a UUID, with room. */
const CALLER_CHARACTERS_MAX = 64;

export const callNameShape: Check<CallName> = (value, where) => {
  const { caller, sequence, oldest } = plain(value, where);
  const name = {
    caller: text(caller, `${where}.caller`),
    sequence: natural(sequence, `${where}.sequence`),
    oldest: natural(oldest, `${where}.oldest`),
  };
  const isName = name.caller.length <= CALLER_CHARACTERS_MAX && name.oldest >= 1 && name.oldest <= name.sequence;
  if (!isName) throw new TypeError(`${where} is not the name of a call`);
  return name;
};

/** The calls of one caller to one node. */
export class CallNames {
  readonly #caller: string;
  readonly #open = new Set<number>();
  #last = 0;

  /** `caller`: like nobody else's. */
  constructor(caller: string) {
    this.#caller = caller;
  }

  next(): CallName {
    this.#last += 1;
    this.#open.add(this.#last);
    return { caller: this.#caller, sequence: this.#last, oldest: Math.min(...this.#open) };
  }

  /** Answered, or given up. */
  over({ sequence }: CallName): void {
    this.#open.delete(sequence);
  }
}

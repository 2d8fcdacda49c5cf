/** What is known of one caller's calls; the bounds are the ledger's (call-ledger.ts). */
import type { Outcome } from './outcome.js';

export interface Entry {
  readonly caller: Caller;
  readonly sequence: number;
  readonly running: Promise<Outcome>;
  /** Undefined while it runs. */
  outcome: Outcome | undefined;
  bytes: number;
  /** By the monotonic clock. */
  answeredAtMs: number;
}

export class Caller {
  readonly token: string;
  readonly #entries = new Map<number, Entry>();
  /** The caller waits for nothing up to this one. */
  #released = 0;
  /** What came up to this one is over where it has no entry: its answer is not kept. Never below `#released`. */
  #past = 0;

  constructor(token: string) {
    this.token = token;
  }

  get isRunning(): boolean {
    return [...this.#entries.values()].some(({ outcome }) => outcome === undefined);
  }

  find(sequence: number): Entry | undefined {
    return this.#entries.get(sequence);
  }

  /** Of one without an entry: it is over, or was given up before it came, and is not to be begun. */
  isPast(sequence: number): boolean {
    return sequence <= this.#past;
  }

  /** Nobody waits for its answer. */
  isReleased({ sequence }: Entry): boolean {
    return sequence <= this.#released;
  }

  add(sequence: number, running: Promise<Outcome>): Entry {
    const entry: Entry = { caller: this, sequence, running, outcome: undefined, bytes: 0, answeredAtMs: 0 };
    this.#entries.set(sequence, entry);
    return entry;
  }

  /** Nothing below `oldest` is waited for. Answers the answered ones among them, which may go. */
  release(oldest: number): readonly Entry[] {
    this.#released = Math.max(this.#released, oldest - 1);
    this.#past = Math.max(this.#past, this.#released);
    return [...this.#entries.values()].filter(({ sequence, outcome }) => sequence < oldest && outcome !== undefined);
  }

  forget(entry: Entry): void {
    this.#past = Math.max(this.#past, entry.sequence);
    this.#entries.delete(entry.sequence);
  }
}

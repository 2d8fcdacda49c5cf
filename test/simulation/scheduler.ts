/**
 * Simulated time: events in order of time, then of being scheduled. Nothing here reads a clock. Code under test runs
 * only inside an event; promises that it resolves settle before the next event, in the one order that JavaScript has.
 */

/** Microtasks that are let through after each event; a longer chain goes on in the next one, as deterministically. */
const SETTLE_TURNS = 8;

interface Event {
  readonly at: number;
  readonly order: number;
  run: (() => void) | null;
}

/** Awaited for one turn of the microtasks. */
const TURN = Promise.resolve();

/** Lets the promises of an event settle before the next one. */
export type Settle = () => Promise<void>;

/** So many turns: enough for a replica's chains, and cheap. */
const settleInTurns: Settle = async () => {
  for (let turn = 0; turn < SETTLE_TURNS; turn += 1) await TURN;
};

/** Whole chains, however long: for code in which an event's work goes through many functions. */
export const settleWholly: Settle = () => new Promise((resolve) => setImmediate(resolve));

export class Scheduler {
  /** Simulated ms since the world began. */
  now = 0;
  events = 0;
  readonly #heap: Event[] = [];
  #order = 0;
  readonly #settle: Settle;

  constructor(settle: Settle = settleInTurns) {
    this.#settle = settle;
  }

  /** Runs `work` after `delay` ms; the answer takes it back. */
  after(delay: number, work: () => void): () => void {
    const event: Event = { at: this.now + Math.max(0, delay), order: (this.#order += 1), run: work };
    this.#push(event);
    return () => {
      event.run = null;
    };
  }

  /** Runs what is due until `until`, or until `stop` says so. */
  async run(until: number, stop: () => boolean = () => false): Promise<void> {
    for (let first = this.#heap[0]; first !== undefined && first.at <= until; first = this.#heap[0]) {
      this.#pop();
      if (first.run === null) continue;
      this.now = first.at;
      this.events += 1;
      first.run();
      await this.#settle();
      if (stop()) return;
    }
    this.now = until;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      if (left === undefined) break;
      const right = heap[2 * at + 2];
      const [child, index] = right !== undefined && isBefore(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (isBefore(last, child)) break;
      heap[at] = child;
      at = index;
    }
    heap[at] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}

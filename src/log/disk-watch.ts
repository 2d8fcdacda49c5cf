/**
 * Notices a disk that hangs: a batch that was handed to the store and does not come back, neither durable nor refused.
 * Counted in ticks, so that a process that was stopped itself does not blame its disk.
 */

/**
 * So many heartbeat rounds. An election takes three, and costs everybody's appends meanwhile: a disk that is only slow
 * for a moment is waited for.
 */
const STALLED_ROUNDS = 10;

export class DiskWatch {
  #stalls = false;
  #oldest: number | null = null;
  #ticks = 0;
  readonly #ticksMax: number;

  constructor(roundTicks: number) {
    this.#ticksMax = STALLED_ROUNDS * roundTicks;
  }

  get stalls(): boolean {
    return this.#stalls;
  }

  /** Once a tick, with the number of the oldest batch under way (null: none is). Answers whether that changed anything. */
  tick(oldest: number | null): boolean {
    this.#ticks = oldest !== null && oldest === this.#oldest ? this.#ticks + 1 : 0;
    this.#oldest = oldest;
    const before = this.#stalls;
    this.#stalls = this.#ticks > this.#ticksMax;
    return before !== this.#stalls;
  }
}

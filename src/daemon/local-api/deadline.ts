/** How long one operation may go on trying. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock } from '../../ports/clock.js';

/** It was not answered in time; whether it was done is not known. */
export class TooLate extends Error {}

const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;
/** A try that has less cannot be answered, and leaves nothing but a doubt. */
const LEAST_TRY_MS = 20;

export class Deadline {
  readonly #clock: Clock;
  readonly #atMs: number;
  #pauseMs = FIRST_PAUSE_MS;

  /** `atMs`: by the monotonic clock. */
  constructor(clock: Clock, atMs: number) {
    this.#clock = clock;
    this.#atMs = atMs;
  }

  /** Another one, in so many ms from now. */
  anew(ms: number): Deadline {
    return new Deadline(this.#clock, this.#clock.monotonic() + ms);
  }

  leftMs(): number {
    return Math.max(0, this.#atMs - this.#clock.monotonic());
  }

  /** Pauses before another try, each time for longer; false when there is no time for one. */
  async allowsAnother(): Promise<boolean> {
    const leftMs = this.leftMs();
    if (leftMs === 0) return false;
    await delay(Math.min(this.#pauseMs, leftMs));
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    return this.leftMs() >= LEAST_TRY_MS;
  }

  /** Settles as `work` does, or rejects with TooLate. */
  within<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new TooLate('the daemon did not answer in time; `snapcommit cluster status` shows who is missing'));
      }, this.leftMs());
      // By hand: hundreds of appends are under way at once, and a race of two promises costs each of them three more.
      work.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

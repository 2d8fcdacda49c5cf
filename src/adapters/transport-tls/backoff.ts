/** How long to wait before calling again: doubling, with half of it random so that a restart does not gather callers. */
import type { Random } from '../../ports/random.js';

export interface BackoffBounds {
  readonly minMs: number;
  readonly maxMs: number;
}

export class Backoff {
  readonly #bounds: BackoffBounds;
  readonly #random: Random;
  #attempts = 0;

  constructor(bounds: BackoffBounds, random: Random) {
    this.#bounds = bounds;
    this.#random = random;
  }

  /** The next wait, in ms: within the upper half of min · 2^attempts, and never above the maximum. */
  next(): number {
    const { minMs, maxMs } = this.#bounds;
    // 2^20 is beyond any sensible maximum; the exponent stops there.
    const ceiling = Math.min(maxMs, minMs * 2 ** Math.min(this.#attempts, 20));
    this.#attempts += 1;
    const [high = 0, low = 0] = this.#random.bytes(2);
    return Math.round(ceiling / 2 + (ceiling / 2) * ((high * 256 + low) / 65_535));
  }

  reset(): void {
    this.#attempts = 0;
  }
}

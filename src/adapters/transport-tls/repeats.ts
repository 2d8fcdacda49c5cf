/** Keeps a log readable: equal events are told once in a while, with the number of those in between. */
import type { Clock } from '../../ports/clock.js';

/** Callers can choose their address, so the memory of them has an end; then it begins anew. */
const KEYS_MAX = 1024;

export class Repeats {
  readonly #clock: Clock;
  readonly #everyMs: number;
  readonly #told = new Map<string, { at: number; left: number }>();

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock;
    this.#everyMs = everyMs;
  }

  /** How many were left out since the last one of this key was told; null when this one is to be left out too. */
  tell(key: string): number | null {
    const now = this.#clock.monotonic();
    const last = this.#told.get(key);
    if (last !== undefined && now - last.at < this.#everyMs) {
      last.left += 1;
      return null;
    }
    if (this.#told.size >= KEYS_MAX) this.#told.clear();
    this.#told.set(key, { at: now, left: 0 });
    return last?.left ?? 0;
  }

  /** The next event of these keys is news again. */
  forget(prefix: string): void {
    for (const key of this.#told.keys()) if (key.startsWith(prefix)) this.#told.delete(key);
  }
}

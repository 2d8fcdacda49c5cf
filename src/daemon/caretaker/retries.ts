/** What failed is tried again, with longer and longer pauses: a volume may be mended at any time. */
import type { Clock } from '../../ports/clock.js';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

export class Retries {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #failed = new Map<string, { readonly atMs: number; readonly pauseMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  isDue(name: string): boolean {
    const failed = this.#failed.get(name);
    return failed === undefined || failed.atMs <= this.#clock.monotonic();
  }

  hasFailed(name: string): boolean {
    return this.#failed.has(name);
  }

  failed(name: string): void {
    const before = this.#failed.get(name)?.pauseMs ?? FIRST_PAUSE_MS / 2;
    const pauseMs = Math.min(2 * before, LONGEST_PAUSE_MS);
    this.#failed.set(name, { pauseMs, atMs: this.#clock.monotonic() + pauseMs });
  }

  succeeded(name: string): void {
    this.#failed.delete(name);
  }

  /** The others are over. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#failed.keys()) if (!names.has(name)) this.#failed.delete(name);
  }
}

/**
 * How long this machine has slept: timers and the monotonic clock stand still meanwhile, frozen writers do not count so.
 * CLOCK_BOOTTIME goes on; the kernel shows it in /proc/uptime. Imports node:fs only: the guard uses it.
 */
import { readFileSync } from 'node:fs';

export const UPTIME_FILE = '/proc/uptime';
/** What /proc/uptime leaves out, and more. */
const RESOLUTION_MS = 20;

export class SleepMeter {
  readonly #file: string;
  /** By how much boottime was ahead of the monotonic clock at `begin`, at most; null: it could not be read. */
  #before: number | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  begin(): void {
    const monotonic = performance.now();
    const uptime = this.#uptimeMs();
    this.#before = uptime === null ? null : uptime - monotonic;
  }

  /** ms since `begin`, rather too few than too many: a pause of ours between two readings is no sleep. */
  sleptMs(): number {
    const uptime = this.#uptimeMs();
    if (uptime === null || this.#before === null) return 0;
    const slept = uptime - performance.now() - this.#before;
    return slept > RESOLUTION_MS ? slept : 0;
  }

  #uptimeMs(): number | null {
    try {
      const seconds = Number.parseFloat(readFileSync(this.#file, 'latin1'));
      return Number.isFinite(seconds) ? seconds * 1000 : null;
    } catch {
      return null;
    }
  }
}

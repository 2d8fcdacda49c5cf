/**
 * Reads all that is stored by itself, from time to time and slowly: damage in rows that nobody asks for is found while
 * peers still hold what heals it. It works for a small part of the time, so nobody waits for it.
 */
import type { ScrubReport } from '../ports/replica-store.js';
import type { ReplicaHostPorts } from './host-settings.js';
import { messageOf } from './replica-errors.js';

/** After each slice it rests for so many times as long as the slice took, and for so long at least. */
const REST_TIMES = 19;
const REST_MIN_MS = 20;
/** The first one begins after this part of the interval: who is restarted every day is scrubbed, too. */
const FIRST_AFTER = 1 / 24;

export class Scrubbing {
  readonly #ports: Pick<ReplicaHostPorts, 'timers' | 'clock' | 'onEvent'>;
  readonly #everyMs: number;
  readonly #scrub: (rest: () => Promise<void>) => Promise<ScrubReport>;
  #cancel: () => void = () => undefined;
  #stopped = false;

  constructor(
    ports: Pick<ReplicaHostPorts, 'timers' | 'clock' | 'onEvent'>,
    everyMs: number,
    scrub: (rest: () => Promise<void>) => Promise<ScrubReport>,
  ) {
    this.#ports = ports;
    this.#everyMs = everyMs;
    this.#scrub = scrub;
    this.#after(everyMs * FIRST_AFTER);
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #after(ms: number): void {
    if (this.#stopped) return;
    this.#cancel = this.#ports.timers.after(ms, () => void this.#run());
  }

  async #run(): Promise<void> {
    const { clock, onEvent } = this.#ports;
    let began = clock.monotonic();
    try {
      const { rows, damaged, archive, checkpointDamaged } = await this.#scrub(async () => {
        await this.#rest(clock.monotonic() - began);
        began = clock.monotonic();
      });
      onEvent?.({ type: 'scrubbed', rows, damaged: damaged.length + archive.length + Number(checkpointDamaged) });
    } catch (error) {
      // The store, or the core, is not there just now; the next one will find what this one would have.
      if (!this.#stopped) onEvent?.({ type: 'scrubFailed', message: messageOf(error) });
    }
    this.#after(this.#everyMs);
  }

  #rest(workedMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#cancel = this.#ports.timers.after(Math.max(REST_MIN_MS, REST_TIMES * workedMs), resolve);
    });
  }
}

/**
 * When a member tells the service manager that it is ready: once it has finished here what was decided while it was down, so
 * that whatever is ordered after it finds the newest generations and no half done swap. Commands are served before.
 *
 * Not later than a minute after its start, though, and then with a status line that says what is in the way. etcd waits for
 * its majority without bound, and so the first of three machines that are started one after the other never gets ready; what
 * imports and mounts ZFS at boot tries, says what failed, and lets the boot go on. A member that serves and refuses (6) what it
 * cannot know is of more use than one that is killed for being late.
 */
import { SnapcommitError } from '../errors.js';
import type { Timers } from '../ports/timers.js';
import type { ServiceManager } from './service-manager.js';

/** Below the time that the unit gives us, TimeoutStartSec=. */
export const READY_AT_LATEST_MS = 60_000;

export interface ReadinessOptions {
  readonly manager: ServiceManager;
  readonly timers: Timers;
  /** Resolves when it has caught up; rejects with UNAVAILABLE where it has not yet, otherwise where it never will by itself. */
  readonly caughtUp: () => Promise<void>;
  /** Aborted when the daemon stops. */
  readonly stop: AbortSignal;
}

const SERVING = 'serving';

export class Readiness {
  readonly #options: ReadinessOptions;
  #isReady = false;
  #status = 'catching up';

  constructor(options: ReadinessOptions) {
    this.#options = options;
  }

  /** Resolves when it has caught up, never will, or stops. */
  async follow(): Promise<void> {
    const { manager, timers } = this.#options;
    manager.status(this.#status);
    const cancel = timers.after(READY_AT_LATEST_MS, () => {
      this.#becomeReady();
    });
    try {
      await this.#untilSettled();
    } finally {
      cancel();
    }
  }

  /** For the time in which `reload` runs. Before we are ready nobody waits for it. */
  async whileReloading(reload: () => Promise<void>): Promise<void> {
    const { manager } = this.#options;
    if (this.#isReady) manager.reloading();
    try {
      await reload();
    } finally {
      if (this.#isReady) manager.ready(this.#status);
    }
  }

  async #untilSettled(): Promise<void> {
    for (;;) {
      const obstacle = await this.#obstacle();
      if (this.#options.stop.aborted) return;
      const where = this.#isReady ? 'serving, but not caught up' : 'not caught up';
      this.#tell(obstacle === null ? SERVING : `${where}: ${messageOf(obstacle)}`);
      if (obstacle !== null && isPassing(obstacle)) continue;
      this.#becomeReady();
      return;
    }
  }

  /** What kept us from catching up, waited for; null: nothing did. */
  async #obstacle(): Promise<unknown> {
    return this.#options.caughtUp().then(
      () => null,
      (error: unknown) => error,
    );
  }

  #tell(status: string): void {
    this.#status = status;
    this.#options.manager.status(status);
  }

  #becomeReady(): void {
    if (this.#isReady || this.#options.stop.aborted) return;
    this.#isReady = true;
    this.#options.manager.ready(this.#status);
  }
}

function isPassing(error: unknown): boolean {
  return error instanceof SnapcommitError && error.code === 'UNAVAILABLE';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Sweeping up what is over: debts, pins, closed trees, leftovers, lock files. What is found is taken when it is found twice, some seconds
 * apart: who left it has had the time to take it away.
 */
import type { Logger } from 'pino';
import { planHousekeeping } from '../../coordinator/housekeeping.js';
import type { Step } from '../../coordinator/recovery.js';
import type { Context } from '../../participant/context.js';
import { sweepLockFiles } from '../../participant/lock-files.js';
import { messageOf } from './failures.js';

/** Between two sweeps while there is something to take. */
const SWEEP_MS = 5_000;
/** Between two that nothing calls for: a snapshot may arrive late (G11). */
const IDLE_SWEEP_MS = 60_000;

export class Sweep {
  readonly #context: Context;
  readonly #logger: Pick<Logger, 'info' | 'error'>;
  #seen: ReadonlySet<string> = new Set();
  #isDue = true;
  #sweptAtMs: number | null = null;

  constructor(context: Context, logger: Pick<Logger, 'info' | 'error'>) {
    this.#context = context;
    this.#logger = logger;
  }

  /** Something has ended. */
  due(): void {
    this.#isDue = true;
  }

  /** In how many ms the next one is to begin; 0: now. */
  dueInMs(): number {
    if (this.#sweptAtMs === null) return 0;
    const pauseMs = this.#isDue ? SWEEP_MS : IDLE_SWEEP_MS;
    return Math.max(0, this.#sweptAtMs + pauseMs - this.#context.clock.monotonic());
  }

  /** Never rejects. */
  async run(): Promise<void> {
    // What ends while we look is due again.
    this.#isDue = false;
    try {
      const steps = (await planHousekeeping(this.#context)).filter(({ action }) => action.action !== 'report');
      for (const step of steps.filter(({ action }) => action.action === 'reopen' || this.#seen.has(nameOf(action))))
        await this.#take(step);
      this.#seen = new Set(steps.map(({ action }) => nameOf(action)));
      if (steps.length > 0) this.#isDue = true;
      // Whoever was killed has left its own.
      await sweepLockFiles(this.#context);
    } catch (error) {
      this.#logger.error({ reason: messageOf(error) }, 'what is over could not be looked for');
      this.#isDue = true;
    }
    this.#sweptAtMs = this.#context.clock.monotonic();
  }

  async #take({ action, act }: Step): Promise<void> {
    const { target, reason } = action;
    await act().then(
      () => this.#logger.info({ action: action.action, target, reason }, 'recovered'),
      (error: unknown) =>
        this.#logger.error({ action: action.action, target, reason: messageOf(error) }, 'not recovered yet'),
    );
  }
}

/** With its reason, which names the transaction. */
function nameOf({ action, target, reason }: Step['action']): string {
  return `${action} ${target} ${reason}`;
}

/**
 * Sweeping up what is over: debts, pins, closed trees, leftovers, lock files. What is found is taken when it is found twice, some seconds
 * apart: who left it has had the time to take it away. What cannot be taken is tried again with longer and longer pauses, and told
 * once for each reason.
 */
import type { Logger } from 'pino';
import { planHousekeeping } from '../../coordinator/housekeeping.js';
import type { Step } from '../../coordinator/recovery.js';
import type { Context } from '../../participant/context.js';
import { sweepLockFiles } from '../../participant/lock-files.js';
import { messageOf } from './failures.js';

/** Somebody stands still until these are done, so they are tried at the same pace. */
const WAITED_FOR: ReadonlySet<string> = new Set(['reopen', 'pay', 'publish', 'thaw']);

/** Between two sweeps while there is something to take; longer where all of it fails. */
const SWEEP_MS = 5_000;
/** Between two that nothing calls for: a snapshot may arrive late (G11). The longest pause. */
const IDLE_SWEEP_MS = 60_000;

export class Sweep {
  readonly #context: Context;
  readonly #logger: Pick<Logger, 'info' | 'error'>;
  #seen: ReadonlySet<string> = new Set();
  #isDue = true;
  #pauseMs = SWEEP_MS;
  /** What failed, and why: the log has it. */
  readonly #told = new Map<string, string>();
  #sweptAtMs: number | null = null;

  constructor(context: Context, logger: Pick<Logger, 'info' | 'error'>) {
    this.#context = context;
    this.#logger = logger;
  }

  /** Something has ended. */
  due(): void {
    this.#isDue = true;
    this.#pauseMs = SWEEP_MS;
  }

  /** In how many ms the next one is to begin; 0: now. */
  dueInMs(): number {
    if (this.#sweptAtMs === null) return 0;
    const pauseMs = this.#isDue ? this.#pauseMs : IDLE_SWEEP_MS;
    return Math.max(0, this.#sweptAtMs + pauseMs - this.#context.clock.monotonic());
  }

  /** Never rejects. */
  async run(): Promise<void> {
    // What ends while we look is due again, and soon.
    this.#isDue = false;
    const longerMs = Math.min(2 * this.#pauseMs, IDLE_SWEEP_MS);
    this.#pauseMs = SWEEP_MS;
    try {
      const steps = (await planHousekeeping(this.#context)).filter(({ action }) => action.action !== 'report');
      const names = new Set(steps.map(({ action }) => nameOf(action)));
      for (const name of this.#told.keys()) if (name !== LOOKING && !names.has(name)) this.#told.delete(name);
      const ready = steps.filter(({ action }) => action.action === 'reopen' || this.#seen.has(nameOf(action)));
      let failures = 0;
      for (const step of ready) if (!(await this.#take(step)) && !WAITED_FOR.has(step.action.action)) failures += 1;
      this.#seen = names;
      this.#again(steps.length, failures, longerMs);
      // Whoever was killed has left its own.
      await sweepLockFiles(this.#context);
      this.#told.delete(LOOKING);
    } catch (error) {
      this.#tell(LOOKING, messageOf(error), { reason: messageOf(error) }, 'what is over could not be looked for');
      this.#again(1, 1, longerMs);
    }
    this.#sweptAtMs = this.#context.clock.monotonic();
  }

  /** `longerMs`: the next pause where nothing but failures is left, and nothing has ended meanwhile. */
  #again(found: number, failures: number, longerMs: number): void {
    if (found > 0 && found === failures && !this.#isDue) this.#pauseMs = longerMs;
    if (found > 0) this.#isDue = true;
  }

  /** Whether it is done. */
  async #take({ action, act }: Step): Promise<boolean> {
    const { target, reason } = action;
    const name = nameOf(action);
    try {
      await act();
    } catch (error) {
      const failure = messageOf(error);
      this.#tell(name, failure, { action: action.action, target, reason: failure }, 'not recovered yet');
      return false;
    }
    this.#told.delete(name);
    this.#logger.info({ action: action.action, target, reason }, 'recovered');
    return true;
  }

  #tell(name: string, failure: string, fields: Readonly<Record<string, string>>, message: string): void {
    if (this.#told.get(name) === failure) return;
    this.#told.set(name, failure);
    this.#logger.error(fields, message);
  }
}

/** What fails when nothing could be planned. */
const LOOKING = '';

/** With its reason, which names the transaction. */
function nameOf({ action, target, reason }: Step['action']): string {
  return `${action} ${target} ${reason}`;
}

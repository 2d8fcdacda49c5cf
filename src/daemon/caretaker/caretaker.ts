/**
 * What every daemon does by itself, so that no transaction waits for a person: at its start all that recovery does; then, as
 * the log goes on, it ends what is over here, publishes what is committed, and takes over what nobody drives; and now and then
 * it sweeps. Everything here may also be done by somebody else at the same time: kernel locks and epochs see to that.
 */
import type { Logger } from 'pino';
import { planHousekeeping } from '../../coordinator/housekeeping.js';
import { abandonTransaction } from '../../coordinator/recover-steps.js';
import { recover } from '../../coordinator/recover.js';
import type { Step } from '../../coordinator/recovery.js';
import { SnapcommitError } from '../../errors.js';
import { generationKey } from '../../machine/keys.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { Context } from '../../participant/context.js';
import type { LocalParticipant } from '../../participant/local-participant.js';
import { isLostLog, messageOf } from './failures.js';
import { areHoldersStopped, transactionLock } from '../../participant/fence.js';
import { pendingHere, publishForAnother } from '../../participant/publishing.js';
import type { KernelLocks } from '../../ports/locks.js';
import { Orphans, type OrphanSettings, type Surroundings } from './orphans.js';

export interface CaretakerOptions {
  readonly context: Context;
  readonly participant: LocalParticipant;
  readonly settings: OrphanSettings;
  readonly surroundings: Surroundings;
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>;
}

/** Between two looks while a transaction is open or a publish waits, ms. */
const LOOK_MS = 250;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** Between two sweeps; what the first one finds the second one takes, unless whoever left it was still at it. */
const SWEEP_MS = 5_000;
/** What a hung call leaves when it comes back late is due to nobody's decision (G11). */
const IDLE_SWEEP_MS = 60_000;

export class Caretaker {
  readonly #options: CaretakerOptions;
  readonly #orphans: Orphans;
  readonly #ready: Promise<void>;
  #setReady: () => void = () => undefined;
  #isReady = false;
  #ended = false;
  #cancel: (() => void) | null = null;
  #looking: Promise<void> | null = null;
  #wanted = false;
  #pauseMs = FIRST_PAUSE_MS;
  /** Generations whose publish failed: when to try again, by the monotonic clock. */
  readonly #tryAgain = new Map<string, { readonly atMs: number; readonly pauseMs: number }>();
  readonly #abandoning = new Set<string>();
  readonly #sweep: Sweep;

  constructor(options: CaretakerOptions) {
    this.#options = options;
    this.#orphans = new Orphans(options.context, options.settings, options.surroundings);
    this.#ready = new Promise((resolve) => {
      this.#setReady = resolve;
    });
    this.#sweep = new Sweep(options);
  }

  /** Resolves once everything is finished that was decided while this node was down. */
  async ready(): Promise<void> {
    return this.#ready;
  }

  start(): void {
    this.#want();
  }

  /** The log went on; `decided`: something ended with it. */
  applied(state: State, decided: boolean): void {
    if (decided) {
      this.#sweep.isDue = true;
      void this.#options.participant.endStale(state);
    }
    if (this.#isReady && (decided || Object.keys(state.open).length > 0)) this.#want();
  }

  /** Resolves when nothing is under way; nothing is begun any more. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel?.();
    await this.#looking;
  }

  #want(): void {
    if (this.#ended) return;
    this.#wanted = true;
    if (this.#looking !== null) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#looking = this.#lookWhileWanted().finally(() => {
      this.#looking = null;
    });
  }

  async #lookWhileWanted(): Promise<void> {
    let nextMs = IDLE_SWEEP_MS;
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      nextMs = await this.#lookSafely();
    }
    if (this.#ended) return;
    this.#cancel = this.#options.context.timers.after(nextMs, () => {
      this.#want();
    });
  }

  /** After how many ms to look again. */
  async #lookSafely(): Promise<number> {
    try {
      const nextMs = this.#isReady ? await this.#look() : await this.#catchUp();
      this.#pauseMs = FIRST_PAUSE_MS;
      return nextMs;
    } catch (error) {
      const { logger } = this.#options;
      const isUnavailable = error instanceof SnapcommitError && error.code === 'UNAVAILABLE';
      logger[isUnavailable ? 'info' : 'error']({ reason: messageOf(error) }, 'not caught up yet');
      // Whoever mends the log starts the daemon anew.
      if (isLostLog(error)) this.#ended = true;
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
      return this.#pauseMs;
    }
  }

  async #catchUp(): Promise<number> {
    const { context, logger } = this.#options;
    const { actions, failures } = await recover(context, false);
    for (const { action, target, reason } of actions) logger.info({ action, target, reason }, 'recovered');
    for (const { action, reason } of failures)
      logger.error({ action: action.action, target: action.target, reason }, 'not recovered yet');
    this.#isReady = true;
    this.#setReady();
    return this.#look();
  }

  async #look(): Promise<number> {
    const { context, participant } = this.#options;
    const state = await context.log.read();
    await participant.endStale(state);
    const orphans = await this.#orphans.find(state);
    await Promise.all([...orphans.map(async (orphan) => this.#abandon(orphan)), this.#publishPending(state)]);
    await this.#sweep.look();
    const isBusy = Object.keys(state.open).length > 0 || pendingHere(context, state).length > 0;
    if (isBusy) return LOOK_MS;
    return this.#sweep.isDue ? SWEEP_MS : IDLE_SWEEP_MS;
  }

  async #abandon(orphan: Parameters<typeof abandonTransaction>[1]): Promise<void> {
    const { context, logger } = this.#options;
    const { transaction } = orphan.begin;
    if (this.#abandoning.has(transaction)) return;
    this.#abandoning.add(transaction);
    // One that has woken up since is left alone, and so is a recovery of another transaction's owner here.
    const mayEnd = (locks: KernelLocks): boolean =>
      orphan.coordinator.node === context.self.node && areHoldersStopped(locks, transactionLock(transaction));
    const { action, act } = abandonTransaction(context, orphan, mayEnd);
    try {
      await act();
      logger.warn({ transaction, reason: action.reason }, 'aborted a transaction that nobody drove any more');
      this.#wanted = true;
    } catch (error) {
      logger.error({ transaction, reason: messageOf(error) }, 'a transaction that nobody drives was not aborted yet');
    } finally {
      this.#abandoning.delete(transaction);
    }
  }

  /** Groups side by side; within one in their order. */
  async #publishPending(state: State): Promise<void> {
    const { context } = this.#options;
    const locks = await context.locks();
    // Whoever committed it from this machine publishes it, as long as it runs.
    const isDriven = ({ transaction }: GenerationRecord): boolean => {
      const name = transactionLock(transaction);
      return locks.holders(name).length > 0 && !areHoldersStopped(locks, name);
    };
    const pending = pendingHere(context, state).filter((record) => !isDriven(record));
    const waiting = new Set(pending.map(keyOf));
    for (const key of this.#tryAgain.keys()) if (!waiting.has(key)) this.#tryAgain.delete(key);
    const groups = new Map<string, GenerationRecord[]>();
    for (const record of pending) groups.set(record.group, [...(groups.get(record.group) ?? []), record]);
    await Promise.all(
      [...groups.values()].map(async (records) => {
        for (const record of records) await this.#publish(record);
      }),
    );
  }

  /** A failure is tried again, with longer and longer pauses: a volume may be mended at any time. */
  async #publish(record: GenerationRecord): Promise<void> {
    const { context, participant, logger } = this.#options;
    const now = context.clock.monotonic();
    const key = keyOf(record);
    const failed = this.#tryAgain.get(key);
    if (failed !== undefined && failed.atMs > now) return;
    try {
      // Whoever committed it may be stopped, and hold what a second try needs; we may hold it ourselves.
      const isOurs = failed === undefined || participant.holdsSwapOf(record.transaction);
      await (isOurs ? participant.publishRecord(record) : publishForAnother(context, record));
      this.#tryAgain.delete(key);
      this.#sweep.isDue = true;
    } catch (error) {
      const pauseMs = Math.min(2 * (failed?.pauseMs ?? FIRST_PAUSE_MS / 2), LONGEST_PAUSE_MS);
      this.#tryAgain.set(key, { atMs: now + pauseMs, pauseMs });
      logger.error({ generation: key, reason: messageOf(error) }, 'not published here yet');
    }
  }
}

function keyOf({ group, generation }: GenerationRecord): string {
  return generationKey(group, generation);
}

/** Takes what it has found twice, some seconds apart: who left it has had the time to take it away. */
class Sweep {
  isDue = true;
  readonly #options: CaretakerOptions;
  #seen = new Set<string>();
  #nextMs = 0;
  #idleMs = 0;

  constructor(options: CaretakerOptions) {
    this.#options = options;
  }

  async look(): Promise<void> {
    const { context } = this.#options;
    const now = context.clock.monotonic();
    if (now < (this.isDue ? this.#nextMs : this.#idleMs)) return;
    this.#nextMs = now + SWEEP_MS;
    this.#idleMs = now + IDLE_SWEEP_MS;
    // What ends while we look is due again.
    this.isDue = false;
    const steps = await planHousekeeping(context).catch((error: unknown) => {
      this.isDue = true;
      throw error;
    });
    for (const step of steps.filter(({ action }) => action.action === 'reopen' || this.#seen.has(nameOf(action))))
      await this.#take(step);
    const left = steps.filter(({ action }) => action.action !== 'report').map(({ action }) => nameOf(action));
    if (left.length > 0) this.isDue = true;
    this.#seen = new Set(left);
  }

  async #take({ action, act }: Step): Promise<void> {
    const { logger } = this.#options;
    const { target, reason } = action;
    if (action.action === 'report') return;
    await act().then(
      () => logger.info({ action: action.action, target, reason }, 'recovered'),
      (error: unknown) =>
        logger.error({ action: action.action, target, reason: messageOf(error) }, 'not recovered yet'),
    );
  }
}

function nameOf({ action, target }: Step['action']): string {
  return `${action} ${target}`;
}

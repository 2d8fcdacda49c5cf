/**
 * What every daemon does by itself, so that no transaction waits for a person: at its start all that recovery does; then, as
 * the log goes on, it ends what is over here, publishes what is committed, and takes over what nobody drives; and now and then
 * it sweeps. Everything here may also be done by somebody else at the same time: kernel locks and epochs see to that.
 */
import type { Logger } from 'pino';
import { abandonTransaction } from '../../coordinator/recover-steps.js';
import { recover } from '../../coordinator/recover.js';
import { SnapcommitError } from '../../errors.js';
import { generationKey } from '../../machine/keys.js';
import type { GenerationRecord, OpenTransaction, State } from '../../machine/state.js';
import type { Context } from '../../participant/context.js';
import type { LocalParticipant } from '../../participant/local-participant.js';
import { isLostLog, messageOf } from './failures.js';
import { areHoldersStopped, transactionLock } from '../../participant/fence.js';
import { pendingHere, publishForAnother } from '../../participant/publishing.js';
import type { KernelLocks } from '../../ports/locks.js';
import { Orphans, type OrphanSettings, type Surroundings } from './orphans.js';
import { Retries } from './retries.js';
import { Sweep } from './sweep.js';
import { Works } from './works.js';

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
/** How long a request waits for us to catch up before it is told what keeps us, ms. */
const READY_WAIT_MS = 5_000;
/** How long what is under way may take when the daemon ends, ms. */
const LAST_WORK_MS = 5_000;

export class Caretaker {
  readonly #options: CaretakerOptions;
  readonly #orphans: Orphans;
  readonly #works = new Works();
  readonly #retries: Retries;
  readonly #sweep: Sweep;
  readonly #waiting = new Set<() => void>();
  #isReady = false;
  /** Why we have not caught up yet. */
  #obstacle: unknown = null;
  #ended = false;
  #cancel: (() => void) | null = null;
  #isLooking = false;
  #wanted = false;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(options: CaretakerOptions) {
    const { context, settings, surroundings, logger } = options;
    this.#options = options;
    this.#orphans = new Orphans(context, settings, surroundings);
    this.#retries = new Retries(context.clock);
    this.#sweep = new Sweep(context, logger);
  }

  /**
   * Resolves once everything is finished that was decided while this node was down. Rejects with what is in its way: at once
   * where it cannot be finished by waiting, and otherwise after some seconds.
   */
  async ready(): Promise<void> {
    if (!this.#isReady && !this.#ended) await this.#readyOrLate();
    if (this.#isReady) return;
    const obstacle = this.#obstacle;
    if (this.#ended && obstacle instanceof SnapcommitError) throw obstacle;
    const why = obstacle === null ? '' : `: ${messageOf(obstacle)}`;
    const { node } = this.#options.context.self;
    throw new SnapcommitError(
      'UNAVAILABLE',
      `node ${node} is still finishing what was decided while it was down${why}`,
      { node },
      obstacle,
    );
  }

  async #readyOrLate(): Promise<void> {
    await new Promise<void>((resolve) => {
      const over = (): void => {
        this.#waiting.delete(over);
        cancel();
        resolve();
      };
      const cancel = this.#options.context.timers.after(READY_WAIT_MS, over);
      this.#waiting.add(over);
    });
  }

  start(): void {
    this.#want();
  }

  /** The log went on; `decided`: something ended with it. */
  applied(state: State, decided: boolean): void {
    if (decided) {
      this.#sweep.due();
      this.#endStale(state);
    }
    if (this.#isReady && (decided || Object.keys(state.open).length > 0)) this.#want();
  }

  /** Begins nothing more; resolves when what is under way has ended, or does not end. */
  async end(): Promise<void> {
    this.#ended = true;
    this.#cancel?.();
    for (const over of [...this.#waiting]) over();
    await new Promise<void>((resolve) => {
      const cancel = this.#options.context.timers.after(LAST_WORK_MS, resolve);
      void this.#works.ended().then(() => {
        cancel();
        resolve();
      });
    });
  }

  #want(): void {
    this.#wanted = true;
    if (this.#ended || this.#isLooking) return;
    this.#cancel?.();
    this.#cancel = null;
    this.#isLooking = true;
    void this.#lookWhileWanted();
  }

  async #lookWhileWanted(): Promise<void> {
    let nextMs = 0;
    while (this.#wanted && !this.#ended) {
      this.#wanted = false;
      nextMs = await this.#lookSafely();
    }
    this.#isLooking = false;
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
      this.#obstacle = error;
      // Whoever mends the log starts the daemon anew.
      if (isLostLog(error)) this.#giveUp();
      this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
      return this.#pauseMs;
    }
  }

  #giveUp(): void {
    this.#ended = true;
    for (const over of [...this.#waiting]) over();
  }

  async #catchUp(): Promise<number> {
    const { context, logger } = this.#options;
    const { actions, failures } = await recover(context, false);
    for (const { action, target, reason } of actions) logger.info({ action, target, reason }, 'recovered');
    for (const { action, reason } of failures)
      logger.error({ action: action.action, target: action.target, reason }, 'not recovered yet');
    this.#isReady = true;
    for (const over of [...this.#waiting]) over();
    return this.#look();
  }

  /** Begins what there is to do, and waits for none of it: a volume that hangs holds up nobody else's. */
  async #look(): Promise<number> {
    const { context } = this.#options;
    const state = await context.log.read();
    this.#endStale(state);
    const pending = await this.#pendingByGroup(state);
    const waiting = [...pending.values()].flat().map(keyOf);
    this.#retries.keep(new Set([...waiting, ...Object.keys(state.open)]));
    for (const [group, records] of pending)
      this.#works.begin(`publish ${group}`, async () => this.#publishAll(records));
    for (const orphan of await this.#orphans.find(state)) {
      const { transaction } = orphan.begin;
      if (this.#retries.isDue(transaction)) this.#works.begin(transaction, async () => this.#abandon(orphan));
    }
    if (this.#sweep.dueInMs() === 0) this.#works.begin('sweep', async () => this.#sweepOnce());
    const isBusy = Object.keys(state.open).length > 0 || pendingHere(context, state).length > 0;
    return isBusy ? LOOK_MS : Math.max(LOOK_MS, this.#sweep.dueInMs());
  }

  /** When the next one is due is known only now. */
  async #sweepOnce(): Promise<void> {
    await this.#sweep.run();
    this.#want();
  }

  #endStale(state: State): void {
    void this.#options.participant.endStale(state);
  }

  async #abandon(orphan: OpenTransaction): Promise<void> {
    const { context, logger } = this.#options;
    const { transaction } = orphan.begin;
    // One that has woken up since is left alone, and so is a recovery of another transaction's owner here.
    const mayEnd = (locks: KernelLocks): boolean =>
      orphan.coordinator.node === context.self.node && areHoldersStopped(locks, transactionLock(transaction));
    const { action, act } = abandonTransaction(context, orphan, mayEnd);
    try {
      await act();
      logger.warn({ transaction, reason: action.reason }, 'aborted a transaction that nobody drove any more');
      this.#want();
    } catch (error) {
      this.#retries.failed(transaction);
      logger.error({ transaction, reason: messageOf(error) }, 'a transaction that nobody drives was not aborted yet');
    }
  }

  /** In the order in which they were committed. */
  async #pendingByGroup(state: State): Promise<ReadonlyMap<string, readonly GenerationRecord[]>> {
    const { context } = this.#options;
    const locks = await context.locks();
    const groups = new Map<string, GenerationRecord[]>();
    for (const record of pendingHere(context, state)) {
      const name = transactionLock(record.transaction);
      // Whoever committed it from this machine publishes it, as long as it runs.
      if (locks.holders(name).length > 0 && !areHoldersStopped(locks, name)) continue;
      groups.set(record.group, [...(groups.get(record.group) ?? []), record]);
    }
    return groups;
  }

  async #publishAll(records: readonly GenerationRecord[]): Promise<void> {
    for (const record of records) if (this.#retries.isDue(keyOf(record))) await this.#publish(record);
  }

  async #publish(record: GenerationRecord): Promise<void> {
    const { context, participant, logger } = this.#options;
    const key = keyOf(record);
    try {
      // Whoever committed it may be stopped, and hold what a second try needs; we may hold it ourselves.
      const isOurs = !this.#retries.hasFailed(key) || participant.holdsSwapOf(record.transaction);
      await (isOurs ? participant.publishRecord(record) : publishForAnother(context, record));
      this.#retries.succeeded(key);
      this.#sweep.due();
    } catch (error) {
      this.#retries.failed(key);
      logger.error({ generation: key, reason: messageOf(error) }, 'not published here yet');
    }
  }
}

function keyOf({ group, generation }: GenerationRecord): string {
  return generationKey(group, generation);
}

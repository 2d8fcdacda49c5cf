/**
 * This node's part in transactions, played in this process: by a coordinator for its own node, and by the daemon for
 * coordinators on other nodes. Rounds live in memory only; whoever restarts has broken their freeze, and says so.
 */
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import type { GenerationRecord, State } from '../machine/state.js';
import { finishedTransaction } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import type { ManifestVolume } from '../machine/entry.js';
import type { HeldLock } from '../ports/locks.js';
import type {
  ClonedVolume,
  CutOutcome,
  Participant,
  RoundName,
  RoundReport,
  Survey,
  SurveyRequest,
  Work,
} from '../ports/participant.js';
import type { Context } from './context.js';
import { isOverHere } from './closed-trees.js';
import { discardRounds } from './discard-rounds.js';
import { isSameEpoch } from './epoch.js';
import { runPostHooks, runPreHooks } from './hooks.js';
import { readDebt, type Debt } from './owed.js';
import { partOf } from './part.js';
import { publish } from './publishing.js';
import { isLater, isSameRound } from './round-names.js';
import { lapsed, prepareRound, type Round } from './round.js';
import { survey } from './survey.js';
import { cloneVolumes, closeLiveTrees, reopenLiveTrees, sealClones, stopUnits } from './swap-work.js';

/** How long what is under way may take when the process ends, ms. */
const LAST_STEPS_MS = 10_000;

interface Swap {
  readonly work: Work;
  readonly steps: Map<string, Promise<unknown>>;
  /** The swap locks of its volumes, from before the live trees are closed until all is over. */
  readonly held: HeldLock[];
}

interface Owed {
  readonly work: Work;
  readonly debt: Promise<Debt | null>;
}

interface Session {
  readonly name: RoundName;
  readonly preparing: Promise<Round>;
}

export class LocalParticipant implements Participant {
  readonly node: string;
  readonly #context: Context;
  /** By transaction: the newest round. */
  readonly #rounds = new Map<string, Session>();
  /** By transaction: a swap's steps, each asked for once or more and done once. */
  readonly #swaps = new Map<string, Swap>();
  /** By transaction: what its hooks left owed; known here only for those that were quiesced here. */
  readonly #debts = new Map<string, Owed>();

  /** By generation. */
  readonly #publishing = new Map<string, { readonly transaction: string; readonly done: Promise<void> }>();
  readonly #ready: () => Promise<void>;

  /** `ready`: what is waited for before anything is begun here; a daemon first finishes what was decided while it was down. */
  constructor(context: Context, ready: () => Promise<void> = async () => Promise.resolve()) {
    this.#context = context;
    this.node = context.self.node;
    this.#ready = ready;
  }

  async survey(request: SurveyRequest): Promise<Survey> {
    await this.#ready();
    return survey(this.#context, request);
  }

  async quiesce(work: Work): Promise<void> {
    await this.#ready();
    const known = this.#debts.get(work.transaction);
    if (known !== undefined) {
      await known.debt;
      return;
    }
    const debt = this.#quiesce(work);
    this.#debts.set(work.transaction, { work, debt });
    await debt.catch((error: unknown) => {
      this.#debts.delete(work.transaction);
      throw error;
    });
  }

  async #quiesce(work: Work): Promise<Debt | null> {
    return runPreHooks(this.#context, partOf(this.#context, await this.#context.log.read(), work));
  }

  async prepare(name: RoundName): Promise<void> {
    await this.#ready();
    const known = this.#rounds.get(name.transaction);
    if (known !== undefined && isSameRound(known.name, name)) {
      await known.preparing;
      return;
    }
    if (known !== undefined && !isLater(name, known.name)) throw lapsed('a later round has begun');
    const preparing = this.#prepareAfter(known, name);
    this.#rounds.set(name.transaction, { name, preparing });
    await preparing.catch((error: unknown) => {
      if (this.#rounds.get(name.transaction)?.preparing === preparing) this.#rounds.delete(name.transaction);
      throw error;
    });
  }

  /** What an earlier round still holds is let go of first: its coordinator has given it up, or been taken over (G6). */
  async #prepareAfter(earlier: Session | undefined, name: RoundName): Promise<Round> {
    if (earlier !== undefined) await end(earlier);
    return prepareRound(this.#context, name, this.#debts.has(name.transaction));
  }

  async freeze(name: RoundName): Promise<void> {
    await (await this.#round(name)).freeze();
  }

  async stage(name: RoundName): Promise<void> {
    await (await this.#round(name)).stage();
  }

  async thaw(name: RoundName): Promise<RoundReport> {
    return (await this.#round(name)).thaw();
  }

  async endRound(name: RoundName): Promise<void> {
    const known = this.#rounds.get(name.transaction);
    if (known !== undefined && isSameRound(known.name, name)) await end(known);
  }

  async resume(work: Work, outcome: CutOutcome): Promise<boolean> {
    const { transaction } = work;
    const here = this.#debts.get(transaction);
    // Another process may have quiesced: what it owes is on disk.
    const debt = here === undefined ? await readDebt(this.#context, transaction) : await here.debt.catch(() => null);
    if (debt === null) return true;
    // One that was taken over speaks for nobody any more: what it owes is paid by whoever finds it.
    if (!speaksFor(await this.#context.log.read(), work)) return false;
    this.#debts.set(transaction, { work, debt: Promise.resolve(null) });
    return runPostHooks(this.#context, debt, outcome);
  }

  async clone(work: Work): Promise<readonly ClonedVolume[]> {
    return this.#once(work, 'clone', async () => cloneVolumes(this.#context, work));
  }

  async seal(work: Work): Promise<readonly ManifestVolume[]> {
    return this.#once(work, 'seal', async () => {
      await stopUnits(this.#context, work);
      return sealClones(this.#context, work);
    });
  }

  async close(work: Work): Promise<void> {
    return this.#once(work, 'close', async ({ held }) => closeLiveTrees(this.#context, work, held));
  }

  async reopen(work: Work): Promise<boolean> {
    // Whoever gave up the closing did not wait for it here: what it still closes would stay so.
    const swap = this.#swaps.get(work.transaction);
    if (swap !== undefined && isSameEpoch(swap.work.epoch, work.epoch))
      await Promise.allSettled([swap.steps.get('close')]);
    return reopenLiveTrees(this.#context, work);
  }

  async leave({ transaction, epoch }: Work): Promise<void> {
    const works = [this.#rounds.get(transaction)?.name, this.#swaps.get(transaction)?.work];
    if (works.some((work) => work !== undefined && !isSameEpoch(work.epoch, epoch))) return;
    // An exchange that is under way relies on the locks.
    const exchanges = [...this.#publishing.values()].filter((one) => one.transaction === transaction);
    await Promise.allSettled(exchanges.map(async ({ done }) => done));
    await this.#forget(transaction);
  }

  async discard(work: Work, voidThrough: number | null): Promise<void> {
    await discardRounds(this.#context, work, voidThrough);
  }

  async publish(group: string, generation: number): Promise<void> {
    const { log } = this.#context;
    const record = lookup((await log.read()).pending, generationKey(group, generation))?.record;
    if (record !== undefined) await this.publishRecord(record);
    else if ((await log.generation(group, generation)) === undefined) throw unknownGeneration(group, generation);
  }

  async publishRecord(record: GenerationRecord): Promise<void> {
    const key = generationKey(record.group, record.generation);
    const known = this.#publishing.get(key)?.done;
    if (known !== undefined) return known;
    const done = this.#publish(record).finally(() => this.#publishing.delete(key));
    this.#publishing.set(key, { transaction: record.transaction, done });
    return done;
  }

  async #publish(record: GenerationRecord): Promise<void> {
    await publish(this.#context, record, this.holdsSwapOf(record.transaction));
  }

  /** Whether this process holds the swap locks of that transaction: nobody else can publish it then. */
  holdsSwapOf(transaction: string): boolean {
    return (this.#swaps.get(transaction)?.held.length ?? 0) > 0;
  }

  /**
   * Ends what is held for transactions that are decided, or spoken for by somebody else now. A swap that is committed keeps
   * its locks until it is published here. Never rejects.
   */
  async endStale(state: State): Promise<void> {
    const known = [...this.#rounds.values()].map(({ name }): Work => name);
    for (const { work } of this.#swaps.values()) known.push(work);
    // A state from before it began, where this node lags, says nothing of it.
    const isTold = ({ epoch }: Work): boolean => state.applied >= epoch.slot;
    const stale = known.filter(isTold).filter(({ transaction, epoch }) => {
      const open = lookup(state.open, transaction);
      return open === undefined ? isOverHere(this.#context, state, transaction) : !isSameEpoch(open.epoch, epoch);
    });
    await Promise.allSettled(stale.map(async ({ transaction }) => this.#forget(transaction)));
    for (const [transaction, { work }] of this.#debts)
      if (isTold(work) && lookup(state.open, transaction) === undefined) this.#debts.delete(transaction);
  }

  /**
   * Ends everything: this process is about to end. What hangs, such as a flush or a unit that does not stop, is waited for
   * only so long: its locks go with the process, and the guard lets its writers go. Never rejects.
   */
  async endAll(): Promise<void> {
    const transactions = [...this.#rounds.keys(), ...this.#swaps.keys()];
    await new Promise<void>((resolve) => {
      const cancel = this.#context.timers.after(LAST_STEPS_MS, resolve);
      void Promise.allSettled(transactions.map(async (transaction) => this.#forget(transaction))).then(() => {
        cancel();
        resolve();
      });
    });
  }

  async #forget(transaction: string): Promise<void> {
    const session = this.#rounds.get(transaction);
    const swap = this.#swaps.get(transaction);
    this.#rounds.delete(transaction);
    this.#swaps.delete(transaction);
    if (session !== undefined) await end(session);
    if (swap === undefined) return;
    await Promise.allSettled(swap.steps.values());
    for (const lock of swap.held) lock.release();
  }

  async #once<T>(work: Work, step: string, act: (swap: Swap) => Promise<T>): Promise<T> {
    await this.#ready();
    const known = this.#swaps.get(work.transaction);
    if (known !== undefined && !isSameEpoch(known.work.epoch, work.epoch)) throw staleSwap(work);
    const swap: Swap = known ?? { work, steps: new Map<string, Promise<unknown>>(), held: [] };
    this.#swaps.set(work.transaction, swap);
    const done = swap.steps.get(step) ?? act(swap);
    swap.steps.set(step, done);
    return done as Promise<T>;
  }

  async #round(name: RoundName): Promise<Round> {
    const known = this.#rounds.get(name.transaction);
    if (known === undefined || !isSameRound(known.name, name))
      throw lapsed(`node ${this.node} knows nothing of the round`);
    return known.preparing;
  }
}

async function end({ preparing }: Session): Promise<void> {
  const round = await preparing.catch(() => null);
  await round?.end();
}

function staleSwap({ transaction }: Work): SnapcommitError {
  return new SnapcommitError('STALE_EPOCH', `transaction ${transaction} is worked on here for another coordinator`, {
    transaction,
  });
}

/** Whether whoever asks is its coordinator: of the open transaction, or of the one that was decided under its epoch. */
function speaksFor(state: State, { transaction, epoch }: Work): boolean {
  const known = lookup(state.open, transaction) ?? finishedTransaction(state, transaction);
  return known === undefined || isSameEpoch(known.epoch, epoch);
}

function unknownGeneration(group: string, generation: number): SnapcommitError {
  const key = generationKey(group, generation);
  return new SnapcommitError('GENERATION_NOT_FOUND', `there is no generation ${key} to publish.`, {
    group,
    generation,
  });
}

/**
 * Linearizable reads: which slot has to be applied here before a state answers a read. The leader asks the core, which
 * asks a quorum (read-index); everybody else asks the leader. Reads that come while one question is under way share the
 * next one, because a question that was asked before them proves nothing for them (P8).
 */
import { SnapcommitError } from '../errors.js';
import type { Slot } from '../paxos/contiguous-log.js';
import type { Timers } from '../ports/timers.js';

interface WaitingRead {
  readonly resolve: () => void;
  readonly reject: (error: SnapcommitError) => void;
  readonly stopWaiting: () => void;
}

interface Question {
  readonly id: number;
  readonly askedAtTick: number;
  readonly reads: readonly WaitingRead[];
}

export interface ReadsUser {
  /** Asks whoever leads; false: nobody does, as far as we know. */
  ask(id: number): boolean;
  applied(): Slot;
  /** Why nothing new can be written here now; null: it can. */
  full(): string | null;
  /** Why this node cannot follow the log, for a read that has waited that long; null: nothing of its own. */
  trouble(waitedMs: number): SnapcommitError | null;
}

export interface ReadLimits {
  readonly timeoutMs: number;
  readonly pendingMax: number;
  readonly firstId: number;
}

export class LinearReads {
  readonly #user: ReadsUser;
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  readonly #pendingMax: number;
  #waiting: WaitingRead[] = [];
  #asked: Question | null = null;
  /** Answered, and the slot is not applied yet. */
  #due: { readonly slot: Slot; readonly reads: readonly WaitingRead[] }[] = [];
  /** Ids go on from those of this node's earlier processes, so that a late answer to one of theirs is nobody's. */
  #nextId: number;
  #open = 0;
  #tick = 0;
  /** When a question was refused last: the next one waits for another tick. Asked at once, it would keep the process from hearing who leads. */
  #refusedAtTick = -1;

  constructor(user: ReadsUser, timers: Timers, limits: ReadLimits) {
    this.#user = user;
    this.#nextId = limits.firstId;
    this.#timers = timers;
    this.#timeoutMs = limits.timeoutMs;
    this.#pendingMax = limits.pendingMax;
  }

  get pending(): number {
    return this.#open;
  }

  /** Resolves when the state holds everything that was chosen before this call. @throws UNAVAILABLE, STORE_FULL, BUSY */
  barrier(): Promise<void> {
    if (this.#open >= this.#pendingMax) return Promise.reject(tooMany(this.#open));
    return new Promise((resolve, reject) => {
      const read: WaitingRead = {
        resolve: () => {
          this.#open -= 1;
          read.stopWaiting();
          resolve();
        },
        reject: (error) => {
          this.#open -= 1;
          read.stopWaiting();
          reject(error);
        },
        stopWaiting: this.#timers.after(this.#timeoutMs, () => {
          this.#forget(read);
          read.reject(this.#user.trouble(this.#timeoutMs) ?? unavailable(this.#timeoutMs));
        }),
      };
      this.#open += 1;
      this.#waiting.push(read);
    });
  }

  /** Begins the next question if one is wanted and none is under way. */
  ask(tick: number): void {
    this.#tick = tick;
    if (this.#asked !== null || this.#waiting.length === 0 || tick === this.#refusedAtTick) return;
    const id = this.#nextId;
    this.#nextId += 1;
    const question: Question = { id, askedAtTick: tick, reads: this.#waiting };
    this.#waiting = [];
    this.#asked = question;
    if (!this.#user.ask(id)) this.#refused(question);
  }

  /** The answer; null: it has to be asked again. Late and repeated answers are nobody's. */
  answered(id: number, slot: Slot | null): void {
    const question = this.#asked;
    if (question?.id !== id) return;
    if (slot === null) return this.#refused(question);
    this.#asked = null;
    this.#due.push({ slot, reads: question.reads });
    this.applied();
    this.refuseWhileFull();
  }

  /**
   * What waits for slots that the full disk does not take is told so at once: a coordinator elsewhere, with writers that
   * stand still, may wait for it. What was asked and not answered yet may need nothing new.
   */
  refuseWhileFull(): void {
    const full = this.#user.full();
    if (full === null) return;
    const reads = this.#due.flatMap((due) => due.reads);
    this.#due = [];
    for (const read of reads)
      read.reject(new SnapcommitError('STORE_FULL', `this node cannot follow the log: ${full}`));
  }

  /** Asks again what has had no answer since `tick`, or all of it when the leader changed. */
  retry(beforeTick: number): void {
    if (this.#asked !== null && this.#asked.askedAtTick < beforeTick) this.#putBack(this.#asked);
  }

  /** The state has moved. */
  applied(): void {
    if (this.#due.length === 0) return;
    const reached = this.#user.applied();
    const ready = this.#due.filter(({ slot }) => slot <= reached);
    this.#due = this.#due.filter(({ slot }) => slot > reached);
    for (const { reads } of ready) for (const read of reads) read.resolve();
  }

  end(error: SnapcommitError): void {
    const all = [...this.#waiting, ...(this.#asked?.reads ?? []), ...this.#due.flatMap(({ reads }) => reads)];
    this.#waiting = [];
    this.#asked = null;
    this.#due = [];
    for (const read of all) read.reject(error);
  }

  #refused(question: Question): void {
    this.#refusedAtTick = this.#tick;
    this.#putBack(question);
  }

  #putBack(question: Question): void {
    this.#asked = null;
    this.#waiting = [...question.reads, ...this.#waiting];
  }

  #forget(read: WaitingRead): void {
    const others = (reads: readonly WaitingRead[]) => reads.filter((one) => one !== read);
    this.#waiting = others(this.#waiting);
    if (this.#asked !== null) this.#asked = { ...this.#asked, reads: others(this.#asked.reads) };
    this.#due = this.#due.map(({ slot, reads }) => ({ slot, reads: others(reads) }));
  }
}

function tooMany(open: number): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `${String(open)} reads of this node wait for an answer already; try again a little later`,
  );
}

function unavailable(timeoutMs: number): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `no majority of the log's voters confirmed this read within ${String(timeoutMs)} ms. See \`snapcommit cluster status\`; where an older answer will do, ask for it explicitly`,
  );
}

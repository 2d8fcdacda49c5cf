/**
 * Group commit: what has to be durable before what leaves. Steps are taken in memory while a batch is being synced;
 * their writes gather in the next one, and what depends on them waits behind it. Exactly one sync for each batch.
 *
 * Effects are performed in order, with these exceptions, none of which shows anything that a crash could take back:
 *  - what a step puts before its `persist` (a leader's `accept`) leaves at once: the disk works meanwhile;
 *  - of a step that has nothing to sync, chosen entries are applied at once, since it is a majority's disks that chose
 *    them, and what only speaks of now (passesUnsynced) is never held up by a disk.
 */
import type { Effect, Write } from '../paxos/effects.js';
import type { ReplicaStore, StoreBatch, StoreLife } from '../ports/replica-store.js';
import { passesUnsynced } from './unsynced.js';

interface Gathering {
  writes: Write[];
  /** A write that cannot wait, or a checkpoint. */
  needsSync: boolean;
  /** What waits for it, in order. */
  readonly after: Effect[];
}

export interface GroupCommitUser {
  perform(effect: Effect): void;
  /** A step installs a checkpoint: what follows from it comes next. */
  installing(): void;
  /** What else goes with a batch that is about to be written: the archive, the applied slot, a checkpoint. */
  alongside(): StoreBatch;
  onDurable(life: StoreLife, batch: StoreBatch): void;
  onFailed(error: unknown): void;
}

export class GroupCommit {
  readonly #store: Pick<ReplicaStore, 'persist'>;
  readonly #user: GroupCommitUser;
  #open: Gathering = gathering();
  #syncing: Gathering | null = null;
  #scheduled = false;
  #stopped = false;
  /** Batches are counted: so many were handed to the store, and of those so many are durable. */
  #handed = 0;
  #durable = 0;
  readonly #waiting: { readonly batch: number; readonly resolve: () => void }[] = [];

  constructor(store: Pick<ReplicaStore, 'persist'>, user: GroupCommitUser) {
    this.#store = store;
    this.#user = user;
  }

  get isSyncing(): boolean {
    return this.#syncing !== null || this.#scheduled;
  }

  /** The number of the oldest batch that the store has and that is not durable yet; null: it has none. */
  get oldest(): number | null {
    return this.#handed > this.#durable ? this.#durable + 1 : null;
  }

  /** Effects that wait for a sync. */
  get waiting(): number {
    return this.#open.after.length + (this.#syncing?.after.length ?? 0);
  }

  /** Writes that wait for the batch before theirs. */
  get gathered(): number {
    return this.#open.writes.length;
  }

  /** A peer's checkpoint is in the state, and the store still has what was before it. */
  get isInstalling(): boolean {
    return [this.#syncing, this.#open].some((batch) => batch?.writes.some(({ install }) => install !== null));
  }

  /** One step's effects. */
  add(effects: readonly Effect[]): void {
    const at = effects.findIndex((effect) => effect.kind === 'persist' && effect.write.sync);
    for (const [index, effect] of effects.entries()) {
      if (effect.kind === 'persist') this.#gather(effect.write);
      else if (index < at || (at < 0 && this.#mayPass(effect))) this.#user.perform(effect);
      else this.#open.after.push(effect);
    }
  }

  /** Asks for a batch even though no step needs one (a checkpoint, the last decided slot before the end). */
  demand(): void {
    this.#open.needsSync = true;
    this.#schedule();
  }

  /**
   * Resolves when what was handed over or gathered for a sync by now is durable and its effects are performed, whatever
   * comes after it: where the disk is always behind, more always does.
   */
  durable(): Promise<void> {
    const batch = this.#handed + (this.#open.needsSync ? 1 : 0);
    return new Promise((resolve) => {
      if (this.#stopped || batch <= this.#durable) resolve();
      else this.#waiting.push({ batch, resolve });
    });
  }

  /** Nothing more is written or performed. */
  stop(): void {
    this.#stopped = true;
    this.#notify(Infinity);
  }

  #gather(write: Write): void {
    this.#open.writes.push(write);
    if (write.install !== null) this.#user.installing();
    if (!write.sync) return;
    this.#open.needsSync = true;
    this.#schedule();
  }

  #mayPass(effect: Effect): boolean {
    const queues = [this.#open.after, this.#syncing?.after ?? []];
    const unsynced = this.#open.needsSync || this.#syncing !== null;
    if (!unsynced && queues.every((queue) => queue.length === 0)) return true;
    if (effect.kind === 'chosen') return !queues.some((queue) => queue.some(({ kind }) => kind === 'chosen'));
    return passesUnsynced(effect);
  }

  /** At the end of the turn, so that whatever arrives in one turn of the event loop shares the sync. */
  #schedule(): void {
    if (this.#scheduled || this.#syncing !== null) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      if (!this.#stopped && this.#syncing === null && this.#open.needsSync) this.#sync();
    });
  }

  #sync(): void {
    const batch = this.#open;
    this.#open = gathering();
    this.#syncing = batch;
    this.#handed += 1;
    const written: StoreBatch = { writes: batch.writes, ...this.#user.alongside() };
    this.#store.persist(written).then(
      (life) => {
        if (!this.#stopped) this.#settle(batch, written, life);
      },
      (error: unknown) => {
        if (!this.#stopped) this.#user.onFailed(error);
      },
    );
  }

  #settle(batch: Gathering, written: StoreBatch, life: StoreLife): void {
    // Still "syncing" while its effects are performed: what they bring about lines up behind them.
    let hasSent = false;
    for (let [effect] = batch.after; effect !== undefined; [effect] = batch.after) {
      // What was sent leaves at the end of this microtask, and somebody waits for it: applying can wait for that.
      if (hasSent && effect.kind === 'chosen') {
        queueMicrotask(() => {
          if (!this.#stopped) this.#settle(batch, written, life);
        });
        return;
      }
      batch.after.shift();
      hasSent ||= effect.kind === 'send';
      this.#user.perform(effect);
      if (this.#stopped) return;
    }
    this.#syncing = null;
    this.#durable += 1;
    this.#user.onDurable(life, written);
    this.#notify(this.#durable);
    if (this.#open.needsSync) this.#schedule();
    else this.#release();
  }

  /** What was held back although nothing is unsynced any more. */
  #release(): void {
    const { after } = this.#open;
    for (let effect = after.shift(); effect !== undefined && !this.#stopped; effect = after.shift()) {
      this.#user.perform(effect);
      // It brought about a write, behind which the rest now waits.
      if (this.#open.needsSync) return;
    }
  }

  #notify(durable: number): void {
    for (let [first] = this.#waiting; first !== undefined && first.batch <= durable; [first] = this.#waiting) {
      this.#waiting.shift();
      first.resolve();
    }
  }
}

function gathering(): Gathering {
  return { writes: [], needsSync: false, after: [] };
}

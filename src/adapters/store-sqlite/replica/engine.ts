/**
 * The replica's store as it runs inside the worker: one operation after the other, each synchronous. worker-main.ts feeds
 * it, store.ts is its face on the main thread.
 */
import { randomUUID } from 'node:crypto';
import { assertInvariant, SnapcommitError } from '../../../errors.js';
import type { LogEntry, Slot } from '../../../paxos/contiguous-log.js';
import type { ArchivedRow } from '../../../ports/log-store.js';
import type { CheckedCheckpoint, Loaded, StoreBatch, StoreLife } from '../../../ports/replica-store.js';
import { openDatabase } from '../open.js';
import { SqliteStore } from '../store.js';
import { Ballast } from './ballast.js';
import type { StagedCheckpoint } from './checkpoint-stream.js';
import { foldAfter } from './fold-after.js';
import { assertOfOurCluster, overtaken, overtakenByDaemon, withAdviceForMember } from './failures.js';
import { ReplicaView } from './reading.js';
import { Sending } from './sending.js';
import { removeStaged, Staging } from './staging.js';
import { scrubSlice, type ScrubCursor, type ScrubSlice } from './scrub.js';
import { ReplicaTransaction } from './writing.js';

export interface EngineOptions {
  readonly file: string;
  readonly busyTimeoutMs: number;
  /** 0 for none. */
  readonly ballastBytes: number;
}

export class ReplicaEngine {
  readonly #options: EngineOptions;
  readonly #store: SqliteStore;
  readonly #ballast: Ballast;
  readonly #nonce = randomUUID();
  readonly #foldAfter = foldAfter(this.#nonce);
  readonly #sendings = new Map<number, Sending>();
  #sendingsMade = 0;
  #staging: Staging | null = null;
  #checked: StagedCheckpoint | null = null;
  #life: StoreLife;
  #unfolded = 0;

  /** Opens the store and counts a start, durably. */
  constructor(options: EngineOptions) {
    this.#options = options;
    const { file, busyTimeoutMs, ballastBytes } = options;
    this.#ballast = new Ballast(file, ballastBytes);
    removeStaged(file);
    const open = (): SqliteStore =>
      openDatabase(
        file,
        busyTimeoutMs,
        (database, wal) => new SqliteStore(file, database, { wal, busyTimeoutMs, foldsItself: false, syncs: 'itself' }),
      );
    try {
      this.#store = this.#withRoom(true, open);
    } catch (error) {
      throw withAdviceForMember(error, file);
    }
    try {
      this.#life = this.#withRoom(true, () => this.#beginStart());
    } catch (error) {
      this.#store.close();
      throw withAdviceForMember(error, file);
    }
    this.#ballast.make();
  }

  #beginStart(): StoreLife {
    return this.#transact((transaction) => {
      transaction.begin(this.#nonce);
    });
  }

  get life(): StoreLife {
    return this.#life;
  }

  load(): Loaded {
    const loaded = this.#view((view) => view.load());
    if (loaded.life.nonce !== this.#nonce) throw overtakenByDaemon(this.#options.file);
    this.#life = loaded.life;
    return loaded;
  }

  persist(batch: StoreBatch): StoreLife {
    const grows = batch.writes?.some((write) => write.entries.length > 0) === true;
    if (grows && !this.#ballast.make()) this.#refuseRows();
    this.#life = this.#withRoom(!grows, () =>
      this.#transact((transaction) => {
        this.#assertOurs(transaction.life);
        transaction.apply(batch, this.#checked);
      }),
    );
    const installs = batch.adopt !== undefined || batch.writes?.some((write) => write.install !== null) === true;
    if (installs || batch.mend !== undefined) this.abortInstall();
    this.#unfolded += installs || batch.checkpoint !== undefined ? this.#foldAfter : 1;
    return this.#life;
  }

  /** To be called when nobody waits: a failed sync in it latches the store for whatever comes next. */
  foldWhenDue(): void {
    if (this.#unfolded < this.#foldAfter) return;
    this.#store.foldWal();
    this.#ballast.doubt();
    this.#unfolded = 0;
  }

  read(after: Slot, maxBytes: number): readonly LogEntry[] {
    return this.#view((view) => view.read(after, maxBytes));
  }

  archived(group: string, generation: number): Uint8Array | undefined {
    return this.#view((view) => view.archived(group, generation));
  }

  archivedOf(group: string): readonly ArchivedRow[] {
    return this.#view((view) => view.archivedOf(group));
  }

  scrubSlice(cursor: ScrubCursor): ScrubSlice {
    return this.#view((view) => scrubSlice(view, cursor));
  }

  damagedRows(): readonly Slot[] {
    return this.#view((view) => view.damagedRows());
  }

  repair(first: Slot, entries: readonly LogEntry[]): 'repaired' | 'unproven' {
    const before = this.#life;
    this.#life = this.#withRoom(true, () =>
      this.#transact((transaction) => {
        this.#assertOurs(transaction.life);
        transaction.repair(first, entries);
      }),
    );
    return this.#life.batches === before.batches ? 'unproven' : 'repaired';
  }

  openSending(): { readonly id: number; readonly slot: Slot } | null {
    const sending = Sending.open(this.#options.file, this.#options.busyTimeoutMs);
    if (sending === null) return null;
    this.#sendingsMade += 1;
    this.#sendings.set(this.#sendingsMade, sending);
    return { id: this.#sendingsMade, slot: sending.slot };
  }

  nextChunk(id: number): Uint8Array | null {
    const sending = this.#sendings.get(id);
    assertInvariant(sending !== undefined, 'P7', 'a chunk of a closed checkpoint was asked for');
    return sending.next();
  }

  closeSending(id: number): void {
    this.#sendings.get(id)?.close();
    this.#sendings.delete(id);
  }

  beginInstall(): void {
    this.abortInstall();
    this.#staging = new Staging(this.#options.file);
  }

  writeInstall(chunk: Uint8Array): void {
    assertInvariant(this.#staging !== null, 'P7', 'there is no checkpoint coming in');
    this.#staging.write(chunk);
  }

  checkInstall(): CheckedCheckpoint {
    assertInvariant(this.#staging !== null, 'P7', 'there is no checkpoint coming in');
    const { header, state, archive } = this.#staging.decoded();
    this.#view(({ identity }) => {
      assertOfOurCluster(header, identity, this.#options.file);
    });
    this.#checked = { header, state, archive };
    return { ...header, state: new Uint8Array(state) };
  }

  abortInstall(): void {
    this.#staging?.remove();
    [this.#staging, this.#checked] = [null, null];
  }

  close(): void {
    this.abortInstall();
    for (const id of [...this.#sendings.keys()]) this.closeSending(id);
    this.#store.close();
  }

  #view<T>(work: (view: ReplicaView) => T): T {
    return this.#store.view((tables) => new ReplicaView(tables, this.#options.file), work);
  }

  /** Answers the store's life after it. */
  #transact(work: (transaction: ReplicaTransaction) => void): StoreLife {
    let ran: ReplicaTransaction | undefined;
    const make = (tables: ConstructorParameters<typeof ReplicaTransaction>[0]): ReplicaTransaction =>
      new ReplicaTransaction(tables, this.#options.file);
    this.#store.transact(make, (transaction) => {
      ran = transaction;
      work(transaction);
    });
    assertInvariant(ran !== undefined, 'D5', 'a transaction did not run');
    return ran.life;
  }

  /** Whoever wrote to the store since makes what we hold in memory worth nothing. */
  #assertOurs(life: StoreLife): void {
    if (life.nonce !== this.#life.nonce) throw overtakenByDaemon(this.#options.file);
    if (life.batches !== this.#life.batches) throw overtaken(this.#options.file);
  }

  /** On a full disk the ballast goes, for reads and votes; `act` is tried again where it may have that room. */
  #withRoom<T>(mayUseIt: boolean, act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (!(error instanceof SnapcommitError) || error.code !== 'STORE_FULL' || !this.#ballast.isThere) throw error;
      this.#ballast.release();
      if (mayUseIt) return act();
      throw error;
    }
  }

  #refuseRows(): never {
    const { file } = this.#options;
    throw new SnapcommitError(
      'STORE_FULL',
      `the filesystem of ${file} is nearly full; nothing was written. Free some space: appends go on by themselves then`,
      { file },
    );
  }
}

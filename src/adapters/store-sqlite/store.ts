/**
 * The log's store on SQLite: transactions, locking, syncs and what happens when one fails.
 *
 * WAL with synchronous=FULL: a commit is one write to the WAL and one sync of it; or with NORMAL, and the sync is our own
 * (wal-sync.ts). SQLite's own folding of the WAL into the database is switched off and done here, after our checkpoints,
 * because SQLite would hide a failed sync in it (D6). better-sqlite3 is built with synchronous=NORMAL for WAL, and a commit
 * would then sync nothing: what it has to be is set on every open and looked at after the writes, right before each commit
 * (D4).
 */
import { crashPoint } from '../../crash-points.js';
import { assertInvariant } from '../../errors.js';
import type { LogStore, StoreTransaction, StoreView } from '../../ports/log-store.js';
import { busy, isFull, isInputOutputFailure, latched, translate, type Phase } from './errors.js';
import { assertSpace, READ_FLOOR_BYTES, WRITE_FLOOR_BYTES } from './space.js';
import type { Database } from './sqlite.js';
import { Tables } from './tables.js';
import { SqliteTransaction } from './transaction.js';
import { SqliteView } from './view.js';
import { WalSync } from './wal-sync.js';

const SYNCHRONOUS = { NORMAL: 1, FULL: 2 } as const;
/** Folding takes three syncs, so it is done when a checkpoint crosses a multiple of this, whoever wrote what is before it. */
const FOLD_EVERY_SLOTS = 64;
/** Between two looks whether somebody else has done with folding the WAL, which takes some syncs. */
const PROVE_AGAIN_MS = 3;
const pausing = new Int32Array(new SharedArrayBuffer(4));

/** The WAL that a store is opened with: of somebody who died (`left`), or of somebody who seems to have it open. */
export type FoundWal = 'none' | 'in use' | 'left';

export interface SqliteStoreOptions {
  readonly wal: FoundWal;
  /** How long it waits for another process, ms. */
  readonly busyTimeoutMs: number;
  /** False: the owner calls `foldWal`, when it holds up nobody. */
  readonly foldsItself?: boolean;
  /** Who makes the sync of a commit: SQLite (the default), or the store itself, which costs less (wal-sync.ts). */
  readonly syncs?: 'sqlite' | 'itself';
}

/** What SQLite says of a checkpoint: whether somebody was in the way, and how many frames there are and are copied. */
interface Folded {
  readonly busy: number;
  readonly log: number;
  readonly checkpointed: number;
}

export class SqliteStore implements LogStore {
  readonly file: string;
  readonly #database: Database;
  readonly #tables: Tables;
  readonly #foldsItself: boolean;
  readonly #busyTimeoutMs: number;
  /** null: SQLite syncs. */
  readonly #walSync: WalSync | null;
  #failure: unknown = null;
  /** Unless `none`, what the WAL shows may not be on the disk. */
  #wal: FoundWal;

  constructor(
    file: string,
    database: Database,
    { wal, busyTimeoutMs, foldsItself = true, syncs = 'sqlite' }: SqliteStoreOptions,
  ) {
    this.file = file;
    this.#database = database;
    this.#wal = wal;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#foldsItself = foldsItself;
    this.#tables = new Tables(database);
    this.#walSync = syncs === 'itself' ? new WalSync(file) : null;
    if (this.#walSync !== null) database.pragma('synchronous = NORMAL');
  }

  exclusively<T>(work: (transaction: StoreTransaction) => T): T {
    return this.transact((tables) => new SqliteTransaction(tables, this.file), work);
  }

  /** `exclusively`, with a transaction that `make` gives. */
  transact<Transaction extends SqliteTransaction, T>(
    make: (tables: Tables) => Transaction,
    work: (transaction: Transaction) => T,
  ): T {
    this.#begin('BEGIN IMMEDIATE', WRITE_FLOOR_BYTES);
    const { result, transaction } = this.#inTransaction(() => {
      const transaction = make(this.#tables);
      const result = work(transaction);
      if (transaction.written !== 'nothing') transaction.finish();
      return { result, transaction };
    });
    if (transaction.written === 'nothing') this.#rollBack();
    else this.#commit(transaction);
    return result;
  }

  snapshot<T>(work: (view: StoreView) => T): T {
    return this.view((tables) => new SqliteView(tables, this.file), work);
  }

  scrub(): number {
    return this.view(
      (tables) => new SqliteView(tables, this.file),
      (view) => {
        const found = this.#database.pragma('quick_check(1)', { simple: true });
        if (found !== 'ok') view.refuse(`SQLite finds: ${String(found)}`);
        return view.scrub();
      },
    );
  }

  close(): void {
    this.#walSync?.close();
    this.#database.close();
  }

  /** `snapshot`, with a view that `make` gives. */
  view<View extends SqliteView, T>(make: (tables: Tables) => View, work: (view: View) => T): T {
    this.#begin('BEGIN', READ_FLOOR_BYTES);
    const result = this.#inTransaction(() => work(make(this.#tables)));
    this.#rollBack();
    return result;
  }

  #begin(sql: 'BEGIN' | 'BEGIN IMMEDIATE', floorBytes: number): void {
    this.#guarded('begin', () => {
      assertSpace(this.file, floorBytes);
      const onlyReads = sql === 'BEGIN';
      if (this.#wal === 'left' || (this.#wal === 'in use' && !onlyReads)) this.#prove(onlyReads);
      this.#tables.run(sql);
    });
  }

  /**
   * Nobody believes a row of a WAL that was left behind before it is durable: it is copied into the database, whose pages are
   * written anew by that, and synced. Nobody writes after what somebody else wrote before that either: he may have gone just
   * when we came. On a full disk it can still be read: nothing can be done upon it there.
   */
  #prove(onlyReads: boolean): void {
    try {
      const until = process.hrtime.bigint() + BigInt(this.#busyTimeoutMs) * 1_000_000n;
      while (!this.#hasFoldedAll()) {
        if (process.hrtime.bigint() > until) throw busy(this.file);
        Atomics.wait(pausing, 0, 0, PROVE_AGAIN_MS);
      }
    } catch (error) {
      if (onlyReads && isFull(error, 'begin')) return;
      throw error;
    }
    this.#wal = 'none';
  }

  /** SQLite waits for writers and readers here, but does not for somebody else who folds. */
  #hasFoldedAll(): boolean {
    const [row] = this.#database.pragma('wal_checkpoint(FULL)') as readonly Folded[];
    return row?.busy === 0 && row.checkpointed === row.log;
  }

  /** Runs `work` between begin and end; when it throws, nothing of it stays. */
  #inTransaction<T>(work: () => T): T {
    try {
      return this.#guarded('work', work);
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  #commit(transaction: SqliteTransaction): void {
    const onlyCheckpoint = transaction.written === 'checkpoint';
    const wanted = this.#walSync === null ? SYNCHRONOUS.FULL : SYNCHRONOUS.NORMAL;
    assertInvariant(this.#tables.synchronous() === wanted, 'D4', 'SQLite would not sync as it was told to');
    crashPoint(onlyCheckpoint ? 'log.before-checkpoint' : 'log.before-sync');
    try {
      this.#guarded('commit', () => {
        this.#tables.run('COMMIT');
        this.#walSync?.sync();
      });
    } catch (error) {
      this.#rollBack();
      throw error;
    }
    crashPoint(onlyCheckpoint ? 'log.after-checkpoint' : 'log.after-sync');
    if (this.#foldsItself && transaction.hasCrossed(FOLD_EVERY_SLOTS)) this.foldWal();
  }

  /**
   * Copies the WAL into the database. What was committed is durable without it, so a full disk or a reader in the way
   * only puts it off, and a failed sync latches the store for whatever comes next.
   */
  foldWal(): void {
    if (this.#failure !== null) return;
    try {
      this.#database.pragma('wal_checkpoint(PASSIVE)');
    } catch (error) {
      if (isInputOutputFailure(error, 'work')) this.#failure = error;
    }
  }

  /** A store whose sync failed is not touched again, not even to roll back: its connection ends with the process. */
  #rollBack(): void {
    if (this.#failure === null && this.#database.inTransaction) this.#tables.run('ROLLBACK');
  }

  #guarded<T>(phase: Phase, act: () => T): T {
    if (this.#failure !== null) throw latched(this.file, this.#failure);
    try {
      return act();
    } catch (error) {
      if (isInputOutputFailure(error, phase)) this.#failure = error;
      throw translate(error, this.file, phase);
    }
  }
}

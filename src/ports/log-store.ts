/**
 * Where a replica keeps what must survive a crash. Types only.
 *
 * The durable-order contract:
 *  1. `exclusively` holds the store against every other process, runs `work`, and makes everything that it wrote durable
 *     by one transaction and one sync, or nothing of it. When it returns, it is durable; the caller sends, applies and
 *     answers only then (D1, D4).
 *  2. Both ballots, the decided slot, the rows, the archive and the applied slot change in that one transaction (D2, D5).
 *  3. `work` that throws, and a full disk (STORE_FULL), leave the store as it was: a sure "not done" (L6).
 *  4. When the sync itself fails, or something after the commit is written, nobody knows: `exclusively` throws
 *     OUTCOME_UNKNOWN, the store is latched, and every later call throws LOG_LATCHED until the process ends. Whoever opens
 *     it next makes durable what it is shown before it shows it (D6).
 *  5. A row that should be there and is missing or damaged is LOG_CORRUPT with its slot, never "no such row" (D10).
 *  6. `snapshot` writes nothing, syncs nothing, and shows one moment.
 *
 * One process calls one method at a time; `work` must not call the store again, and is not asynchronous.
 */
import type { Configuration } from '../paxos/configuration.js';
import type { LogEntry, Slot } from '../paxos/contiguous-log.js';
import type { Ballot } from '../paxos/ballot.js';
import type { Abstention, Write } from '../paxos/effects.js';

/**
 * Who may open a store for voting: any process (one replica, `embedded`), or the daemon alone (`cluster`). Decided by what
 * is durable in the store, never by whether a daemon answers (T2).
 */
export type StoreMode = 'embedded' | 'cluster';

/** Whose log this is. Written once, by `init`; afterwards only the configuration, the incarnation and the mode change. */
export interface StoreIdentity {
  readonly cluster: string;
  readonly node: string;
  readonly incarnation: number;
  readonly configuration: Configuration;
  readonly mode: StoreMode;
}

/** The durable scalars. Rows stand in the slots after `base` up to `last`, without holes. */
export interface StoreHead {
  readonly promised: Ballot;
  readonly accepted: Ballot;
  /** Why this replica does not vote; null: it does. */
  readonly abstains: Abstention | null;
  readonly decided: Slot;
  /** The archive holds the effects of every slot up to here. */
  readonly applied: Slot;
  readonly base: Slot;
  readonly last: Slot;
  /** The newest checkpoint's slot, 0 for none; never below `base`. */
  readonly checkpoint: Slot;
}

export interface ArchivedRow {
  readonly generation: number;
  readonly bytes: Uint8Array;
}

export interface StoreView {
  readonly identity: StoreIdentity;
  readonly head: StoreHead;
  /** The rows in the slots after `after` (not below `head.base`) up to `head.last`, checked. */
  entries(after: Slot): readonly LogEntry[];
  /** The state's bytes as of slot `head.checkpoint`; null when that is 0. */
  checkpoint(): Uint8Array | null;
  archived(group: string, generation: number): Uint8Array | undefined;
  /** Ascending by generation. */
  archivedOf(group: string): readonly ArchivedRow[];
}

export interface StoreTransaction extends StoreView {
  write(write: Write): void;
  putArchived(group: string, generation: number, bytes: Uint8Array): void;
  deleteArchived(group: string, generation: number): void;
  setApplied(slot: Slot): void;
  /** Puts the state as of `head.applied` in the checkpoint's place and drops the rows that it covers but the newest `keep`. */
  writeCheckpoint(bytes: Uint8Array, keep: number): void;
}

export interface LogStore {
  /** For messages: the file, or what stands for it. */
  readonly file: string;
  /** @throws BUSY when another process holds the store for too long. */
  exclusively<T>(work: (transaction: StoreTransaction) => T): T;
  snapshot<T>(work: (view: StoreView) => T): T;
  /** Reads and checks everything. Answers how many rows of the log there are. @throws LOG_CORRUPT */
  scrub(): number;
  close(): void;
}

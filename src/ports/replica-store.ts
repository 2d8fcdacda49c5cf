/**
 * Where a daemon's replica keeps what must survive a crash: the asynchronous form of log-store.ts, which serves many
 * replicas' needs: damage that a peer can heal, checkpoints that travel, and stores that are told apart. Types only.
 *
 * The durable-order contract:
 *  1. `persist` makes a whole batch durable by one transaction and exactly one sync, or nothing of it. When it resolves,
 *     it is durable; the caller sends, applies and answers only then (D1, D4). Batches become durable in the order in
 *     which they were handed over, and several may be handed over before the first resolves.
 *  2. Ballots, decided slot, rows, configuration, archive and applied slot change in that one transaction (D2, D5).
 *  3. STORE_FULL, and BUSY when another process has written to the store since, are a sure "not done" (L6), and so is
 *     everything that was handed over behind such a batch before its refusal was known. A store that was full takes
 *     batches without rows (votes, checkpoints) at once, and rows as soon as there is room.
 *  4. When a sync fails, or something after the commit is written, nobody knows: the batch rejects with OUTCOME_UNKNOWN,
 *     the store is latched, and every other call, also one that waits, rejects with LOG_LATCHED until the process ends (D6).
 *     The node stops.
 *  5. Damage is told by slot and never as "no such row" (D10): a replica may have accepted what stood there, so it does
 *     not vote until a peer's rows (`repair`, or what it learns) or checkpoint have healed it. A damaged meta row (ballots,
 *     identity) cannot be healed: opening rejects with LOG_CORRUPT, and the member has to be replaced.
 *  6. A peer's checkpoint is checked as a whole (`install`) before a batch makes it ours, in its one transaction: index,
 *     state, archive, configuration and incarnation together (P7). A crash at any point leaves all or nothing of it.
 *  7. Every start and every batch is counted durably (StoreLife), so that a wiped, cloned or rolled-back store is told
 *     from the one that peers know (D8, D9).
 */
import type { Configuration } from '../paxos/configuration.js';
import type { LogEntry, Slot } from '../paxos/contiguous-log.js';
import type { Write } from '../paxos/effects.js';
import type { ArchivedRow, StoreHead, StoreIdentity } from './log-store.js';

/** How far a store had come. */
export interface StoreSeen {
  /** Random, given when the store was made. Another one under a known name: wiped (D8). */
  readonly id: string;
  /** How often a daemon has opened it. */
  readonly starts: number;
  /** Random for each start. The same start with another nonce: a clone. */
  readonly nonce: string;
  /** How many batches it held. A start is none. */
  readonly batches: number;
}

/**
 * What a peer keeps of a store: the furthest that it has seen of it, by its greetings and by every promise and acceptance,
 * which say how far it had come when they were durable. Kept with the peer's own next batch (`remembered`: no sync of its
 * own).
 */
export interface StoreSighting extends StoreSeen {
  /** The newest configuration that its replica was in: up to there it may have voted. */
  readonly configuration: number;
}

/** A start that is over, and in which something was written. */
export interface PastStart {
  readonly start: number;
  readonly nonce: string;
  /** How many batches there were when it began, and when it ended. */
  readonly startedAt: number;
  readonly batches: number;
}

/**
 * Which store this is, how far it has come, and by which way. A start is synced before `openReplicaStore` resolves. The
 * host sends it in the hello, and the peer compares it with what it has seen (log/store-life.ts): whoever is not the known
 * store, further on, may only learn (D8, D9).
 */
export interface StoreLife extends StoreSeen {
  readonly startedAt: number;
  /** The newest ones, ascending: by them a store that went back is known also after further starts. */
  readonly earlier: readonly PastStart[];
}

export type ArchiveWrite =
  | { readonly kind: 'put'; readonly group: string; readonly generation: number; readonly bytes: Uint8Array }
  | { readonly kind: 'delete'; readonly group: string; readonly generation: number };

/** What may change of an identity. `mode: 'cluster'` is for good: from then on only the daemon may open the store (T2). */
export type IdentityChange = Partial<Pick<StoreIdentity, 'configuration' | 'incarnation'>> & {
  readonly mode?: 'cluster';
};

/**
 * All of it or nothing. What is left out stays as it is; the parts are written in the order in which they stand here. A
 * write whose `install` is set makes that checkpoint ours, with `applied` at its slot, before its rows.
 */
export interface StoreBatch {
  readonly writes?: readonly Write[];
  readonly archive?: readonly ArchiveWrite[];
  readonly applied?: Slot;
  /**
   * The checkpoint of this slot, which `check` has let pass, takes the place of ours, which is damaged or whose archive is;
   * our rows after it stay. Not below `head.base`, nor above `head.decided`: for that there is a write's `install`.
   * @throws EXPECTATION_FAILED when it is below: a newer one is needed.
   */
  readonly adopt?: Slot;
  /**
   * From the checkpoint of this slot, which `check` has let pass, come the records that cannot be read in our archive, and
   * nothing else. It may be of any slot: a record is written once, and its number belongs to no other.
   */
  readonly mend?: Slot;
  /** The state as of `applied`. The rows that it covers are dropped but the newest `keep`, for peers that lag a little. */
  readonly checkpoint?: { readonly bytes: Uint8Array; readonly keep: number };
  readonly identity?: IdentityChange;
  /** The furthest that was seen of these nodes' stores. */
  readonly remembered?: Readonly<Record<string, StoreSighting>>;
}

export type LoadedCheckpoint =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly slot: Slot; readonly bytes: Uint8Array }
  /** `install` a peer's. The ballots and rows can be believed all the same. */
  | { readonly kind: 'damaged'; readonly slot: Slot };

export interface Loaded {
  readonly identity: StoreIdentity;
  readonly life: StoreLife;
  readonly remembered: Readonly<Record<string, StoreSighting>>;
  readonly head: StoreHead;
  readonly checkpoint: LoadedCheckpoint;
  /** The rows after the checkpoint, up to the first damaged one. */
  readonly entries: readonly LogEntry[];
  /**
   * The damaged slots after the checkpoint, ascending. This replica may have accepted anything from the first of them up
   * to `head.last`: unless `repair` heals them first, it starts as `withDamage` of paxos/state.ts has it.
   */
  readonly damaged: readonly Slot[];
}

export interface ScrubReport {
  /** How many rows were read. */
  readonly rows: number;
  /** The damaged slots of all rows that are kept. `repair` heals them. */
  readonly damaged: readonly Slot[];
  readonly checkpointDamaged: boolean;
  /** `install` and `adopt` heal these, and `mend` those that the checkpoint has. */
  readonly archive: readonly { readonly group: string; readonly generation: number }[];
}

/** A checkpoint as it travels, piece by piece: configuration, chain, state, archive, and a SHA-256 over all. */
export interface CheckpointReader {
  readonly slot: Slot;
  /** The next chunk, at most 256 KiB; null after the last. Every chunk is of the moment at which the reader was made. */
  next(): Promise<Uint8Array | null>;
  /** Has to be called, also after the last chunk: the store keeps what it has replaced until then. */
  close(): Promise<void>;
}

/** Whom a checkpoint says it is of. */
export interface CheckpointHeader {
  readonly cluster: string;
  readonly incarnation: number;
  /** As of `slot`. */
  readonly configuration: Configuration;
  readonly slot: Slot;
  /** The hash chain at that slot, hex. */
  readonly chain: string;
}

export interface CheckedCheckpoint extends CheckpointHeader {
  /** The state's bytes. */
  readonly state: Uint8Array;
}

export interface CheckpointInstaller {
  /** The chunks of a peer's reader, in their order. @throws STORE_FULL: nothing of ours has changed. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * To be called after the last chunk. From here on a batch may install it: by the write that the core answers to
   * `install`, or by `adopt`, or take records out of it by `mend`. @throws LOG_CORRUPT when what came is not what was sent, LOG_FOREIGN when it is another
   * cluster's or an older incarnation's.
   */
  check(): Promise<CheckedCheckpoint>;
  /** Forgets what came. */
  abort(): Promise<void>;
}

export interface ReplicaStore {
  /** For messages: the file, or what stands for it. */
  readonly file: string;
  /** What a start, or the end of a repair, begins from: the checkpoint and what follows it, never the whole log. */
  load(): Promise<Loaded>;
  /** Answers the store's life with this batch in it. */
  persist(batch: StoreBatch): Promise<StoreLife>;
  /**
   * Rows for a peer that lags: those after `after` (not below `head.base`), at least one and then no more than `maxBytes`,
   * up to the last or the first damaged one. @throws LOG_CORRUPT with its slot when that is the first asked for.
   */
  read(after: Slot, maxBytes: number): Promise<readonly LogEntry[]>;
  archived(group: string, generation: number): Promise<Uint8Array | undefined>;
  /** Ascending by generation. */
  archivedOf(group: string): Promise<readonly ArchivedRow[]>;
  /**
   * Reads and checks everything, in slices between which batches go first, and for which `rest` is waited for where it is
   * given.
   */
  scrub(rest?: () => Promise<void>): Promise<ScrubReport>;
  /**
   * Puts decided rows from a peer in the slots from `first` on, where the hash chain proves that they are what stood
   * there: from the row before them to the one after them, or the log's end. `unproven` changes nothing: the run has to
   * reach over all the damage around it, and begin in a row that is still kept.
   */
  repair(first: Slot, entries: readonly LogEntry[]): Promise<'repaired' | 'unproven'>;
  /** Null when there is no checkpoint yet. @throws LOG_CORRUPT when it is damaged. */
  readCheckpoint(): Promise<CheckpointReader | null>;
  /** A peer's checkpoint is to come. One at a time; a second one forgets the first. */
  install(): Promise<CheckpointInstaller>;
  close(): Promise<void>;
}

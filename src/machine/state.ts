/**
 * The state that the log's entries build up. PURE: types and the empty state only.
 *
 * It comes in two parts, so that opening stays flat however long a group's history is: the State (small, kept in
 * memory, written whole at a checkpoint, hashed) and the archive, one GenerationRecord a live generation, which the
 * reducers write and delete but never read. `archiveDigest` ties the archive to the state's hash.
 *
 * Records are keyed by names that users choose (`constructor` is a valid one): read them with record.ts.
 */
import type { ErrorCode } from '../errors.js';
import type {
  Begin,
  Epoch,
  GroupRecord,
  Manifest,
  Outcome,
  ProcessIdentity,
  Slot,
  TransactionId,
  TransactionMode,
  VolumeRecord,
} from './entry.js';

/** An inclusive run of generation numbers. */
export type Run = readonly [first: number, last: number];

export interface VolumeState {
  readonly record: VolumeRecord;
  readonly forfeited: boolean;
}

export interface GroupState {
  readonly record: GroupRecord;
  /** The newest generation ever committed, 0 for none; numbers are never used again. */
  readonly newest: number;
  /** Generations that are committed and not retired, ascending runs that neither touch nor overlap. */
  readonly live: readonly Run[];
  /** Of `live`: those that lost a volume (`forfeit`). */
  readonly incomplete: readonly Run[];
  /** Of `live`, by volume: those whose manifest holds that volume, which a group's record of today does not tell. */
  readonly contents: Readonly<Record<string, readonly Run[]>>;
}

/** A transaction between its begin and its decision. */
export interface OpenTransaction {
  readonly begin: Begin;
  readonly epoch: Epoch;
  readonly beganSlot: Slot;
  readonly beganAt: number;
  readonly coordinator: ProcessIdentity;
  /** After a take-over it can only be aborted (T6): what the new coordinator would stage is not what was staged. */
  readonly takenOver: boolean;
  /** The `--request-id` that began it. */
  readonly request: string | null;
}

export type Decision =
  | { readonly kind: 'committed'; readonly generation: number }
  | { readonly kind: 'aborted'; readonly code: ErrorCode; readonly reason: string };

/** A decided transaction, kept for `transaction list|show`; the newest FINISHED_KEPT are. */
export interface FinishedTransaction {
  readonly transaction: TransactionId;
  readonly group: string;
  readonly mode: TransactionMode;
  readonly epoch: Epoch;
  readonly decidedSlot: Slot;
  readonly decision: Decision;
  /** SHA-256 (hex) of what was committed, so that only the same commit again is answered with ok; null: aborted. */
  readonly manifestDigest: string | null;
}

/** A committed generation that some node has not published yet. */
export interface PendingPublish {
  readonly record: GenerationRecord;
  /** Nodes that still have to say `published`, sorted: where the volumes are now, not where the manifest has them. */
  readonly nodes: readonly string[];
}

/** One generation, as it is archived. */
export interface GenerationRecord {
  readonly group: string;
  readonly generation: number;
  readonly transaction: TransactionId;
  readonly mode: TransactionMode;
  readonly epoch: Epoch;
  /** The commit's slot. */
  readonly slot: Slot;
  /** ms since the epoch: max(previous + 1, the proposer's time). */
  readonly committedAt: number;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly sourceGeneration: number | null;
  readonly manifest: Manifest;
}

/** A request that was carried out. A refused one leaves no session: nothing was done, so it may be tried again. */
export interface Session {
  /** SHA-256 (hex) over the arguments. */
  readonly digest: string;
  /** From here its SESSION_KEPT_SLOTS count: the request's slot, later that of its transaction's decision. */
  readonly slot: Slot;
  /** The transaction that this request began; null for other operations. */
  readonly transaction: TransactionId | null;
  /** Filled in when that transaction is decided. */
  readonly decision: Decision | null;
  /** What any other operation answered; null for `begin`. */
  readonly outcome: Outcome | null;
}

/** What one append was answered. */
export interface AppendAnswer {
  readonly sequence: number;
  readonly slot: Slot;
  readonly outcome: Outcome;
}

export interface AppendClient {
  /** The newest slot of this client's whose answer is forgotten, or may be. */
  readonly forgotten: Slot;
  /** The newest ones, in the order of their slots. */
  readonly answers: readonly AppendAnswer[];
}

/** The appends whose copies are answered instead of carried out (appends.ts). */
export interface Appends {
  /** The newest slot of any client that is forgotten as a whole. */
  readonly forgotten: Slot;
  /** By bucket, then by client. */
  readonly clients: Readonly<Record<string, Readonly<Record<string, AppendClient>>>>;
}

/** A join token, by its hash. It stays when it is used, so that a second use is told so, until it expires. */
export interface TokenState {
  readonly expires: number;
  readonly node: string | null;
  readonly usedBy: string | null;
  /** SHA-256 (hex) of the key that `usedBy` showed: who shows it again repeats its join. */
  readonly usedKey: string | null;
}

export interface MemberState {
  /** `HOST:PORT`. */
  readonly address: string;
  /** Its volumes and writers begin no transactions. Left out where they do. */
  readonly draining?: true;
}

export interface Pin {
  readonly group: string;
  readonly generation: number;
  readonly holder: ProcessIdentity;
}

export interface State {
  readonly format: 1;
  readonly incarnation: number;
  /** The slot of the last entry applied. */
  readonly applied: Slot;
  /** The newest committedAt, ms. */
  readonly clock: number;
  readonly volumes: Readonly<Record<string, VolumeState>>;
  readonly groups: Readonly<Record<string, GroupState>>;
  /** The newest generation of groups that were removed: a group made again under that name counts on from there. */
  readonly retiredNewest: Readonly<Record<string, number>>;
  /** Open transactions by id. */
  readonly open: Readonly<Record<string, OpenTransaction>>;
  /** Oldest first. */
  readonly finished: readonly FinishedTransaction[];
  /** By `group@generation`. */
  readonly pending: Readonly<Record<string, PendingPublish>>;
  /** Tags, sorted, by `group@generation`. */
  readonly holds: Readonly<Record<string, readonly string[]>>;
  readonly pins: Readonly<Record<string, Pin>>;
  /** By bucket, then by request id (buckets.ts). */
  readonly sessions: Readonly<Record<string, Readonly<Record<string, Session>>>>;
  readonly appends: Appends;
  /** The cluster's nodes by name; empty for a log that never became a cluster. */
  readonly members: Readonly<Record<string, MemberState>>;
  /** Names that were removed from `members` and not given again, the newest last; DEPARTED_KEPT of them. */
  readonly departed: readonly string[];
  /** By SHA-256 (hex) of the token. */
  readonly tokens: Readonly<Record<string, TokenState>>;
  /** SHA-256 (hex) chained over every archive change. */
  readonly archiveDigest: string;
}

/** What applying an entry asks of the archive. */
export type ArchiveChange =
  | { readonly kind: 'put'; readonly record: GenerationRecord }
  | { readonly kind: 'delete'; readonly group: string; readonly generation: number };

/** How many decided transactions `transaction list` can still show. */
export const FINISHED_KEPT = 64;
/** So many removed nodes are known as such: whoever removes one again is told that it is done. */
export const DEPARTED_KEPT = 64;
/** A request id is remembered for this many slots after its entry, and after its transaction's decision (T18). */
export const SESSION_KEPT_SLOTS = 10_000;
/** Forgotten sessions leave the state at slots that this divides; in between they only count as forgotten. */
export const SESSION_SWEEP_SLOTS = 256;

export function emptyState(incarnation: number): State {
  return {
    format: 1,
    incarnation,
    applied: 0 as Slot,
    clock: 0,
    volumes: {},
    groups: {},
    retiredNewest: {},
    open: {},
    finished: [],
    pending: {},
    holds: {},
    pins: {},
    sessions: {},
    appends: { forgotten: 0 as Slot, clients: {} },
    members: {},
    departed: [],
    tokens: {},
    archiveDigest: '',
  };
}

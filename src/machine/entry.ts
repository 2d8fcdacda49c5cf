/**
 * The one union of everything that a slot of the log can hold for the replicated state machine. PURE: types only.
 *
 * Integers only (times in ms since the epoch, durations in ms), strings compared by code unit, no locale: two nodes
 * that apply the same entries must reach the same bytes (P10).
 */
import type { ErrorCode, Details } from '../errors.js';
import type { AddToken, UseToken, PutMember, RemoveMember, DrainNode, UndrainNode } from './member-entry.js';

export type { AddToken, UseToken, PutMember, RemoveMember, DrainNode, UndrainNode } from './member-entry.js';

/** A slot of the log, counted from 1. 0 stands for "before the first". */
export type Slot = number & { readonly __brand: 'Slot' };
/** The fencing token: the slot of a transaction's newest `begin` or `takeOver`, with the log's incarnation. */
export interface Epoch {
  readonly incarnation: number;
  readonly slot: Slot;
}
/** 26 lowercase characters: time-ordered and unique (see participant/names.ts). */
export type TransactionId = string & { readonly __brand: 'TransactionId' };

export type DriverName = 'btrfs' | 'zfs' | 'directory' | 'memory';

/** Weakest first; the index is the order. */
export const GRADES = ['fuzzy', 'independent', 'barrier', 'application'] as const;
export type Grade = (typeof GRADES)[number];

export interface VolumeRecord {
  readonly name: string;
  readonly node: string;
  readonly driver: DriverName;
  /** Absolute path of the live tree; for zfs the mount point of its dataset. */
  readonly source: string;
  /** Absolute path of the directory that holds this volume's staged and published snapshots. */
  readonly publishDirectory: string;
  /** The filesystem's own identity (btrfs: its UUID; zfs: the pool's guid; directory: device and inode at the time of adding). */
  readonly filesystem: string;
}

export interface GroupRecord {
  readonly name: string;
  /** Sorted, without repeats. */
  readonly volumes: readonly string[];
  /** Absolute paths below the cgroup2 mount, such as `/app/writers`. */
  readonly freezeCgroups: readonly string[];
  readonly freezeUnits: readonly string[];
  readonly stopUnits: readonly string[];
  /** The weakest grade that a commit of this group accepts; null: any. */
  readonly require: Grade | null;
  readonly stallLimitMs: number;
  /** Absolute paths of executables. */
  readonly preHooks: readonly string[];
  readonly postHooks: readonly string[];
}

/** Who drives a transaction; enough to tell whether that process still lives. */
export interface ProcessIdentity {
  readonly node: string;
  readonly bootId: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat, in clock ticks. */
  readonly startTime: number;
}

export type TransactionMode = 'capture' | 'transact' | 'restore';

export interface Member {
  readonly volume: string;
  readonly node: string;
  readonly driver: DriverName;
  /** The live tree's identity when the transaction began; null for drivers whose live tree has none. */
  readonly base: string | null;
}

export interface Begin {
  readonly type: 'begin';
  readonly transaction: TransactionId;
  readonly mode: TransactionMode;
  readonly group: string;
  readonly members: readonly Member[];
  /** `node:/cgroup/path` of everything that this round may freeze. */
  readonly freezeTargets: readonly string[];
  readonly coordinator: ProcessIdentity;
  /** When a coordinator that still lives may be taken over, ms since the epoch by its own clock. */
  readonly deadline: number;
  /** The newest committed generation must be this one (0: none); null: not asked. */
  readonly expectGeneration: number | null;
  /** `restore`: the generation whose snapshots the clones come from; otherwise null. */
  readonly sourceGeneration: number | null;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface ManifestVolume {
  readonly volume: string;
  readonly node: string;
  readonly driver: DriverName;
  /** The hidden name that this round staged under, in the publish directory. */
  readonly staged: string;
  /** The identity that this round's stage (or seal) call returned. */
  readonly id: string;
  /** transact and restore: the identities on both sides of the exchange, and the clone's hidden name. */
  readonly swap: { readonly base: string; readonly clone: string; readonly cloneName: string } | null;
}

/** How one host's part of a cut went. */
export interface HostConsistency {
  readonly node: string;
  readonly stallMs: number;
  readonly skewMs: number;
}

export interface Consistency {
  readonly grade: Grade;
  /** How long writers stood still, on the host where that was longest; 0 when nothing was frozen. */
  readonly stallMs: number;
  /** Between the first stage call's start and the last one's end; over several hosts as the coordinator saw it. */
  readonly skewMs: number;
  /** `node:/cgroup/path` of every target that stood frozen through the whole cut. */
  readonly frozen: readonly string[];
  /** Sorted by node; empty where there was no cut. */
  readonly hosts: readonly HostConsistency[];
}

export interface Manifest {
  readonly consistency: Consistency;
  /** Sorted by volume. */
  readonly volumes: readonly ManifestVolume[];
}

export interface AddVolume {
  readonly type: 'addVolume';
  readonly volume: VolumeRecord;
}
export interface RemoveVolume {
  readonly type: 'removeVolume';
  readonly volume: string;
}
export interface ForfeitVolume {
  readonly type: 'forfeitVolume';
  readonly volume: string;
}
/**
 * The volume's disk is in another node now, or elsewhere on its own: the record follows. Whoever appends this has looked at
 * the disk there, and says which filesystem it is.
 */
export interface MoveVolume {
  readonly type: 'moveVolume';
  readonly volume: string;
  readonly node: string;
  readonly source: string;
  readonly publishDirectory: string;
  readonly filesystem: string;
}
export interface CreateGroup {
  readonly type: 'createGroup';
  readonly group: GroupRecord;
}
/** Replaces the record of a group that exists, by name. */
export interface UpdateGroup {
  readonly type: 'updateGroup';
  readonly group: GroupRecord;
  /** The record that the change was made from, and none but it is replaced; null: whatever it is. */
  readonly replaces: GroupRecord | null;
}
export interface RemoveGroup {
  readonly type: 'removeGroup';
  readonly group: string;
  /**
   * The live generations that go with the group, ascending: exactly all of them, or the entry is refused; empty:
   * none. This is the only way that a group's current generation ends, so it is always said explicitly.
   */
  readonly generations: readonly number[];
}
export interface TakeOver {
  readonly type: 'takeOver';
  readonly transaction: TransactionId;
  readonly coordinator: ProcessIdentity;
}
/** The commit point. */
export interface Commit {
  readonly type: 'commit';
  readonly transaction: TransactionId;
  readonly epoch: Epoch;
  readonly manifest: Manifest;
}
export interface Abort {
  readonly type: 'abort';
  readonly transaction: TransactionId;
  readonly epoch: Epoch;
  readonly code: ErrorCode;
  readonly reason: string;
}
/** One node says that all of its volumes of this generation are published. */
export interface Published {
  readonly type: 'published';
  readonly group: string;
  readonly generation: number;
  readonly node: string;
  /** Which they are, since another may have come to that node meanwhile; null: whatever it has. */
  readonly volumes: readonly string[] | null;
}
export interface Retire {
  readonly type: 'retire';
  readonly group: string;
  /** Ascending, without repeats. */
  readonly generations: readonly number[];
}
export interface AddHold {
  readonly type: 'addHold';
  readonly group: string;
  readonly generation: number;
  readonly tag: string;
}
export interface ReleaseHold {
  readonly type: 'releaseHold';
  readonly group: string;
  readonly generation: number;
  readonly tag: string;
}
export interface AddPin {
  readonly type: 'addPin';
  readonly pin: string;
  readonly group: string;
  readonly generation: number;
  readonly holder: ProcessIdentity;
}
export interface ReleasePin {
  readonly type: 'releasePin';
  readonly pin: string;
}

export type Operation =
  | AddVolume
  | RemoveVolume
  | ForfeitVolume
  | MoveVolume
  | CreateGroup
  | UpdateGroup
  | RemoveGroup
  | Begin
  | TakeOver
  | Commit
  | Abort
  | Published
  | Retire
  | AddHold
  | ReleaseHold
  | AddPin
  | ReleasePin
  | AddToken
  | UseToken
  | PutMember
  | RemoveMember
  | DrainNode
  | UndrainNode;

/** Names one append, so that a copy of it is not carried out again (appends.ts). A retry carries the same three. */
export interface AppendKey {
  /** A token, new in each process that appends: random, and never used by anybody else. */
  readonly client: string;
  /** Counted from 1, one for each append of that client. */
  readonly sequence: number;
  /** A slot that the client knew of when it sent this append first; the newest one that it knows serves longest. */
  readonly since: Slot;
}

/** What a slot holds: an operation, the proposer's clock, and the client's request where it has one. */
export interface Entry {
  /** ms since the epoch by the proposer's clock; never trusted to be monotonic. */
  readonly at: number;
  /** `--request-id`: the id and a SHA-256 (hex) over the arguments. */
  readonly request: { readonly id: string; readonly digest: string } | null;
  /** null where nothing stands between the append and its slot: the embedded form, whose call either returns or dies. */
  readonly append: AppendKey | null;
  readonly operation: Operation;
}

/** What applying an entry answered; the same on every node. */
export type Outcome =
  | { readonly ok: true; readonly generation: number | null; readonly transaction: TransactionId | null }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly details: Details;
    };

/**
 * What a driver can do with one volume. Types only; every driver passes test/contract/volume-driver.
 *
 * A driver knows nothing of groups, generations or the log: names are chosen by the participant, and each is one path
 * component inside the volume's publish directory. Every method that changes something says what is durable when it
 * resolves. Errors are SnapcommitErrors that name the volume and the path; VOLUME_UNAVAILABLE when the source or the
 * publish directory is gone.
 */
import type { DriverName } from '../machine/entry.js';

/** The part of a VolumeRecord that a driver needs. */
export interface VolumePlace {
  readonly name: string;
  readonly source: string;
  readonly publishDirectory: string;
}

/** A tree inside a volume's live tree that its snapshots do not contain, since it is a source of its own. */
export interface NestedTree {
  /** What its filesystem calls it, for people: the name of a dataset. */
  readonly called: string;
  /** Its name below the volume's tree: `db/logs`. */
  readonly path: string;
  /** Its live path, also while it is not mounted there; null where it has none. */
  readonly source: string | null;
  /** Why it can be no volume as it is, with what to do; null where it can be one. Never null without a `source`. */
  readonly obstacle: string | null;
  /** Its owner has said that what is nested in it is left out. */
  readonly separate: boolean;
}

export interface Inspection {
  /** The source as the driver will use it: absolute, without symlinks. */
  readonly source: string;
  readonly publishDirectory: string;
  readonly filesystem: string;
  /** The live tree's identity. */
  readonly live: string;
  /** Whether `exchange` can work there; the reason where not. */
  readonly exchange: { readonly possible: true } | { readonly possible: false; readonly reason: string };
  /** Of a source that was included (`Nesting.include`): what is nested in it. Left out: nothing is. */
  readonly nested?: readonly NestedTree[];
}

/** All that is nested in a source, at any depth. */
export interface NestedTrees {
  /** The source itself. */
  readonly called: string;
  readonly source: string;
  /** Each before what is nested in it. What its owner has said to leave out is not among them. */
  readonly trees: readonly NestedTree[];
  /** What only holds other trees and no files, by name. */
  readonly containers: readonly string[];
}

export interface LiveTree {
  readonly id: string;
  readonly readOnly: boolean;
  /** Of a volume that was included (`Nesting.include`): what is nested in it. Left out: nothing is. */
  readonly nested?: readonly NestedTree[];
}

export interface Capabilities {
  /** A staged snapshot is one point in time (false: a plain copy). */
  readonly pointInTime: boolean;
  /** The kernel keeps snapshots read-only (false: only verify's digest tells). */
  readonly readOnly: boolean;
}

export interface Listed {
  readonly name: string;
  /** null where the entry is no snapshot or clone of this driver's. */
  readonly id: string | null;
  readonly readOnly: boolean;
}

export interface FreeSpace {
  readonly dataBytes: number;
  /** The same as dataBytes where the filesystem does not tell them apart. */
  readonly metadataBytes: number;
}

/** A stage call, of one volume or of several, with everything done that can be done before the writers stand still. Close it in any case. */
export interface StageCall {
  /** Makes the snapshot, and does nothing else. Durable when it resolves. STAGED_NAME_EXISTS when the name is taken. */
  take(): Promise<void>;
  /** The identity of what `take` made of this volume. Only after `take`. */
  identity(volume: VolumePlace): Promise<string>;
  /** Lets go of what was opened. Never rejects. */
  close(): Promise<void>;
}

/** One entry of a publish directory that gets another name. */
export interface Move {
  readonly volume: VolumePlace;
  readonly from: string;
  readonly to: string;
}

/**
 * Calls for many volumes at once, of filesystems whose pool snapshots and renames them in one transaction of its own. What
 * a call rejects with names a volume (`details.volume`): the one at fault where there is one, otherwise any of them.
 */
export interface PoolCalls {
  /** The pool that the volume stands in: those of which this is the same can be acted on in one call. Changes nothing. */
  poolOf(volume: VolumePlace): Promise<string>;
  /**
   * `openStage` for volumes of one pool. One call of `take` makes all of their snapshots, at one instant: all are there or
   * none, also after a failure and a power loss. STAGED_NAME_EXISTS when the name is taken on any of them.
   */
  openStage(volumes: readonly VolumePlace[], name: string): Promise<StageCall>;
  /**
   * Renames entries of volumes of one pool in one call, replacing nothing: all or none where the pool can do it in one
   * transaction. Where it cannot (OpenZFS before 2.2, or who is not root), a failure is undone, and a crash may leave some
   * renamed: the caller finds each by its identity and calls again. VOLUME_UNAVAILABLE where an entry is not there, EXISTS
   * where a name is taken. Not durable until each is synced.
   */
  rename(moves: readonly Move[]): Promise<void>;
}

/** Trees within trees, where each of them can be a volume. Without it a source with others inside is refused, by name. */
export interface Nesting {
  /** Looks below a source, which may be a volume. Changes nothing. */
  below(name: string, source: string): Promise<NestedTrees>;
  /** `inspect`, for a source of which the caller adds everything nested in it as volumes, too. */
  inspect(name: string, source: string, publishDirectory: string): Promise<Inspection>;
  /** From now on `live` and `inspect` tell what is nested in this volume, and do not refuse it. Durable when it resolves. */
  include(volume: VolumePlace): Promise<void>;
  /** Undoes `include`; what the owner has said about it otherwise stays. */
  forget(volume: VolumePlace): Promise<void>;
}

export interface VolumeDriver {
  readonly name: DriverName;
  readonly capabilities: Capabilities;
  /** Null where what is nested in a source can never be volumes beside it. */
  readonly nesting: Nesting | null;

  /**
   * Examines a source before it becomes a volume, changing nothing. `publishDirectory` null: the driver's default
   * (`.snapcommit/NAME` beside the source, or inside it where the source is a mount point).
   * Refuses symlinks (SOURCE_INVALID), nested subvolumes (SOURCE_NESTED, by name), and a publish directory on another
   * filesystem (SOURCE_INVALID). A live tree that is read-only is refused (SOURCE_INVALID) unless `mayBeReadOnly`: an
   * interrupted swap leaves it so.
   */
  inspect(name: string, source: string, publishDirectory: string | null, mayBeReadOnly?: boolean): Promise<Inspection>;
  /** Makes the publish directory. Durable when it resolves. Doing it twice is doing it once. */
  prepare(volume: VolumePlace): Promise<void>;

  freeSpace(volume: VolumePlace): Promise<FreeSpace>;
  /** Writes dirty data out (syncfs). */
  flush(volume: VolumePlace): Promise<void>;
  /**
   * The live tree's identity and whether it is read-only. Also refuses what `inspect` refuses, since it may have come later;
   * not with `asItStands`: who opens a tree that he has closed asks nothing else, and it may be anything by then.
   */
  live(volume: VolumePlace, asItStands?: boolean): Promise<LiveTree>;

  /** A read-only snapshot of the live tree under `name`. Durable when it resolves. STAGED_NAME_EXISTS when the name is taken. */
  stage(volume: VolumePlace, name: string): Promise<{ readonly id: string }>;
  /**
   * `stage` in steps, of which only `take` is done while writers stand still. Changes nothing by itself. Null where
   * there is nothing to do beforehand.
   */
  readonly openStage: ((volume: VolumePlace, name: string) => Promise<StageCall>) | null;
  /** Used instead of `stage`, `openStage` and `rename` to stage and publish. Null where every volume is acted on by itself. */
  readonly pools: PoolCalls | null;
  /** A writable clone under `name`, of the live tree (null) or of the snapshot `from`. STAGED_NAME_EXISTS when taken. */
  clone(volume: VolumePlace, name: string, from: string | null): Promise<{ readonly id: string }>;
  /** A read-only snapshot `name` of the clone `cloneName`. Durable when it resolves. */
  seal(volume: VolumePlace, cloneName: string, name: string): Promise<{ readonly id: string }>;

  /**
   * Renames `from` to `to` without replacing anything. Not durable until `sync`. `absent` when `from` does not exist
   * (the caller decides what that means); EXISTS when `to` does.
   */
  rename(volume: VolumePlace, from: string, to: string): Promise<'renamed' | 'absent'>;
  /** Makes renames and links inside the publish directory durable (fsync of the directory). */
  sync(volume: VolumePlace): Promise<void>;

  /** Identity and read-only state of one name in the publish directory; null where there is no such name. */
  lookup(volume: VolumePlace, name: string): Promise<Listed | null>;
  /** Everything in the publish directory. */
  list(volume: VolumePlace): Promise<readonly Listed[]>;
  /** Where readers find the entry `name`. */
  path(volume: VolumePlace, name: string): string;

  /** Makes the live tree read-only or writable (only that tree: a volume whose live path shows another tree is the caller's to check first). Durable when it resolves. Drivers whose filesystem cannot do nothing. A tree is made read-only to be exchanged: IN_USE where that could not be done now, because of who reads its snapshots; EXISTS where something has a name that it needs. */
  setLiveReadOnly(volume: VolumePlace, readOnly: boolean): Promise<void>;
  /**
   * What changed in the live tree since the clone `cloneName` was taken from it (flushes first). Empty: nothing.
   * At most `limit` paths; never misses a change, may not name every path.
   */
  changedSince(volume: VolumePlace, cloneName: string, limit: number): Promise<readonly string[]>;
  /**
   * Exchanges the live tree with the clone `cloneName`. Idempotent by identity: the live path already shows `clone` ->
   * 'done'; shows `base` -> exchanges, syncs both parents -> 'exchanged'; anything else -> CONFLICT, nothing changed.
   * Afterwards the former live tree stands under `cloneName`, read-only where the filesystem can.
   * The live tree IS READ-ONLY (setLiveReadOnly) when this is called and must not become writable under its live path
   * for an instant: a write that slipped in would be lost. (btrfs refuses to move a read-only subvolume to another
   * directory with EROFS; so bring the writable clone beside the live path under a hidden name first, exchange within
   * that one directory, then bring the replaced tree back under `cloneName`. A crash between any two of these steps is
   * finished by calling again.)
   */
  exchange(
    volume: VolumePlace,
    cloneName: string,
    identities: { readonly base: string; readonly clone: string },
  ): Promise<'exchanged' | 'done'>;

  /** Deletes these (trash) names. Durable when it resolves. A name that is gone is no error. */
  remove(volume: VolumePlace, names: readonly string[]): Promise<void>;

  /** Drivers whose snapshots the kernel does not protect compare content here. Resolves to what is wrong; empty: nothing. */
  verifyContent(volume: VolumePlace, name: string): Promise<readonly string[]>;
  /**
   * What speaks against a snapshot and is no proof of damage: `verify` tells it as a problem, a restore warns of it. Null
   * where no such thing can be seen, or nobody but root can do it.
   */
  readonly doubts: ((volume: VolumePlace, name: string) => Promise<readonly string[]>) | null;
}

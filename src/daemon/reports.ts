/**
 * The documents that the library answers and the CLI prints with --json: camelCase, times RFC 3339 UTC, durations in
 * ms in names that end in `Ms`. These shapes are a contract.
 */
import type { RecoveryAction } from '../coordinator/recovery.js';
import type { Grade, GroupRecord, TransactionMode, VolumeRecord } from '../machine/entry.js';

export interface GenerationReport {
  readonly group: string;
  readonly generation: number;
  readonly transaction: string;
  readonly state: 'committed' | 'published';
  readonly slot: number;
  /** RFC 3339, UTC. */
  readonly committedAt: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly consistency: {
    readonly grade: Grade;
    readonly stallMs: number;
    readonly skewMs: number;
    readonly frozen: readonly string[];
    /** How long each host's writers stood still, and how far apart its own volumes are; empty where none were frozen. */
    readonly hosts: readonly { readonly node: string; readonly stallMs: number; readonly skewMs: number }[];
  };
  readonly volumes: readonly {
    readonly volume: string;
    readonly node: string;
    readonly driver: string;
    readonly snapshot: { readonly id: string; readonly path: string | null };
    /** The live tree that this generation's swap replaced, kept until pruned; null where there is none. */
    readonly replaced: string | null;
  }[];
  /** True when a volume of it was forfeited. */
  readonly incomplete: boolean;
  readonly holds: readonly string[];
  readonly mode: TransactionMode;
  readonly sourceGeneration: number | null;
}

export interface VolumeReport extends VolumeRecord {
  readonly forfeited: boolean;
  readonly groups: readonly string[];
}

/** A source and everything nested in it, as volumes. */
export interface VolumeTreeReport {
  /** True: nothing was changed, and `added` would be. */
  readonly dryRun: boolean;
  /** Names of those that were no volumes before. */
  readonly added: readonly string[];
  /** All of them, the root first. */
  readonly volumes: readonly VolumeReport[];
  /** What only holds others and no files (`canmount=off`), by name; no volumes. */
  readonly containers: readonly string[];
  /** Groups that have the root, what they have, and which of these volumes they lack. */
  readonly groups: readonly {
    readonly group: string;
    readonly volumes: readonly string[];
    readonly missing: readonly string[];
  }[];
}

export interface GroupReport extends GroupRecord {
  /** The newest that a reader would get, which is also what `--expect-generation` is compared with; 0 for none. */
  readonly generation: number;
  readonly open: string | null;
}

export interface OpenReport {
  readonly group: string;
  readonly generation: number;
  readonly view: string;
  readonly volumes: Readonly<Record<string, { readonly node: string; readonly path: string | null }>>;
}

/** With --stale: whether a majority could not be asked, and then as of which slot everything is. */
export interface Freshness {
  readonly stale: boolean;
  readonly asOfSlot: number | null;
}

export interface TransactionReport {
  readonly transaction: string;
  readonly group: string;
  readonly mode: TransactionMode;
  readonly state: 'open' | 'committed' | 'aborted';
  readonly generation: number | null;
  readonly reason: string | null;
  /** Open ones only. */
  readonly coordinator: { readonly node: string; readonly pid: number; readonly alive: boolean } | null;
  readonly since: string | null;
  /** Of an open one whose coordinator could be asked. */
  readonly phase: string | null;
  readonly waitingFor: OpenTransactionReport['waitingFor'];
}

export interface StatusReport {
  readonly node: string;
  readonly cluster: string;
  readonly engine: string;
  readonly log: { readonly lastSlot: number; readonly checkpointSlot: number };
  readonly groups: readonly {
    readonly group: string;
    readonly generation: number;
    readonly committedAt: string | null;
    readonly open: string | null;
    readonly pendingPublish: readonly number[];
  }[];
  readonly transactions: readonly OpenTransactionReport[];
  /** Committed generations that some node has not published yet. */
  readonly pendingPublish: readonly {
    readonly group: string;
    readonly generation: number;
    readonly nodes: readonly string[];
    /** Since the commit. */
    readonly sinceMs: number;
  }[];
  /** Cgroup paths that a freeze intent on disk names. */
  readonly frozen: readonly string[];
}

/** A transaction that is not decided yet. */
export interface OpenTransactionReport {
  readonly transaction: string;
  readonly group: string;
  readonly mode: TransactionMode;
  readonly coordinator: { readonly node: string; readonly pid: number };
  /** RFC 3339, UTC. */
  readonly beganAt: string;
  /** null: not known. */
  readonly phase: string | null;
  /** Nodes that have not done their part of the phase, each since when. */
  readonly waitingFor: readonly { readonly node: string; readonly phase: string; readonly sinceMs: number }[];
  /** Its coordinator is gone, and another aborts it. */
  readonly takenOver: boolean;
  /** Why the phase is not known, where its coordinator's node could not be asked. */
  readonly unknownBecause: string | null;
}

/** A node that is to leave, and what keeps it. */
export interface DrainReport {
  readonly node: string;
  readonly draining: boolean;
  /** Its volumes that are not forfeited. */
  readonly volumes: readonly string[];
  /** Groups that freeze writers on it by name. */
  readonly groups: readonly string[];
  /** Open transactions that it drives or takes part in. */
  readonly transactions: readonly string[];
  /** Generations that it has still to publish, `group@generation`. */
  readonly pendingPublish: readonly string[];
  /** Generations that a process of it is using, `group@generation`. */
  readonly pins: readonly string[];
}

export interface VerifyReport {
  readonly generations: number;
  /** Nodes whose volumes could not be looked at, with the reason. */
  readonly notAsked: readonly { readonly node: string; readonly reason: string }[];
  readonly problems: readonly {
    readonly group: string;
    readonly generation: number;
    readonly volume: string;
    readonly problem: string;
  }[];
}

export interface DiffReport {
  readonly group: string;
  readonly from: number;
  readonly to: number;
  readonly volumes: Readonly<
    Record<
      string,
      { readonly added: readonly string[]; readonly changed: readonly string[]; readonly removed: readonly string[] }
    >
  >;
}

export interface CheckReport {
  readonly check: string;
  readonly result: 'ok' | 'warning' | 'missing' | 'problem';
  readonly message: string;
  /** What to do about it; null where nothing is to be done. */
  readonly advice: string | null;
}

export interface DryRunReport {
  readonly group: string;
  readonly dryRun: true;
  readonly reachableGrade: Grade;
  readonly freezes: readonly string[];
  readonly volumes: readonly {
    readonly volume: string;
    readonly source: string;
    readonly driver: string;
    readonly liveId: string;
  }[];
}

/** What `init --from-volumes` or `--from-export` found, and what came of it. */
export interface RebuildReport {
  readonly stateDirectory: string;
  readonly cluster: string;
  readonly node: string;
  readonly incarnation: number;
  readonly slot: number;
  /** false: nothing was changed. */
  readonly done: boolean;
  readonly volumes: readonly {
    readonly volume: string;
    readonly driver: string;
    readonly source: string;
    readonly publishDirectory: string;
  }[];
  readonly groups: readonly {
    readonly group: string;
    /** The next generation has a number above this one. */
    readonly newest: number;
    /** Where hooks, freezing and the rest come from; `unknown`: there are none until `group update` sets them. */
    readonly settings: 'manifest' | 'export' | 'unknown';
    readonly generations: readonly {
      readonly generation: number;
      /** `pending`: committed, and `recover` publishes the rest. */
      readonly state: 'complete' | 'pending' | 'incomplete';
      readonly taken: boolean;
      /** Why it is incomplete. */
      readonly reasons: readonly string[];
    }[];
  }[];
  /** Sentences. */
  readonly losses: readonly string[];
}

/** A step of recovery; in a cluster with the node that takes it. */
export interface RecoveryStepReport extends RecoveryAction {
  readonly node?: string;
}

export interface RecoverReport {
  readonly actions: readonly RecoveryStepReport[];
  /** Steps that failed, with the reason. */
  readonly failures: readonly { readonly action: RecoveryStepReport; readonly reason: string }[];
}

export interface HoldReport {
  readonly group: string;
  readonly generation: number;
  readonly tag: string;
}

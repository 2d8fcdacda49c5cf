/**
 * Pausing declared writers. Types only.
 *
 * A freeze never outlives us: the intent is durable and the guard is armed before the first write to a freezer, the
 * guard thaws at the deadline or when we die, and `thawAll` needs nothing but the intents. Thawing never waits for
 * the log.
 */

export interface FreezeTarget {
  /** The path below the cgroup2 mount, such as `/app/writers`. */
  readonly cgroup: string;
  /** What the user named: the same path, or a unit. */
  readonly declared: string;
}

export interface Freeze {
  /** The targets' cgroup paths, frozen since `freeze` resolved. */
  readonly frozen: readonly string[];
  /**
   * Thaws. `unbroken`: from the moment all stood frozen until this call nothing thawed and no cgroup changed its
   * identity, for which the adapter has a witness and the guard's word; otherwise `reason` says what lapsed and the round is void. Never rejects.
   */
  release(): Promise<{ readonly unbroken: boolean; readonly reason: string | null; readonly stallMs: number }>;
}

export interface Thawed {
  readonly cgroup: string;
  /** `thawed`, `notFrozen` or `gone`; `failed` with the reason. */
  readonly result: 'thawed' | 'notFrozen' | 'gone' | 'failed';
  readonly reason: string | null;
}

export interface FreezeIntent {
  readonly id: string;
  readonly transaction: string;
  readonly cgroups: readonly string[];
  readonly pid: number;
}

export interface Writers {
  /**
   * Resolves cgroup paths and units; refuses (CGROUP_INVALID) what does not exist, our own cgroup, that of this node's
   * daemon, every ancestor of these, the root, and a path that leaves the cgroup2 mount.
   */
  resolve(cgroups: readonly string[], units: readonly string[]): Promise<readonly FreezeTarget[]>;
  /** Starts the guard and persists the intent, freezing nothing yet: what can be done before the freeze is done here. */
  arm(transaction: string, targets: readonly FreezeTarget[], limitMs: number): Promise<ArmedFreeze>;
  /** Intents that are on disk, whoever left them. */
  intents(): Promise<readonly FreezeIntent[]>;
  /** Thaws every intent whose owner is dead (`all`: every intent) and removes it. */
  thawAll(all: boolean): Promise<readonly Thawed[]>;
}

export interface ArmedFreeze {
  /** Freezes all targets; FREEZE_FAILED (after thawing) when one does not stand still within the limit. */
  freeze(): Promise<Freeze>;
  /** Without a freeze: ends the guard and removes the intent. Never rejects. */
  disarm(): Promise<void>;
}

/**
 * What coordinator and participant work with on one node: the ports, joined by the composition root, and the settings.
 * Adapters are loaded when they are first asked for, so that a command pays only for what it uses.
 */
import type { DriverName, ProcessIdentity, TransactionId } from '../machine/entry.js';
import type { Clock } from '../ports/clock.js';
import type { CommandRunner, Hooks } from '../ports/commands.js';
import type { KernelLocks } from '../ports/locks.js';
import type { ReplicatedLog } from '../ports/log.js';
import type { Participant } from '../ports/participant.js';
import type { NodeFiles } from '../ports/node-files.js';
import type { Random } from '../ports/random.js';
import type { Sandbox, TreeUsers } from '../ports/sandbox.js';
import type { Timers } from '../ports/timers.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import type { Writers } from '../ports/writers.js';

export interface Settings {
  /** A commit needs at least this much free on every volume. */
  readonly freeFloorBytes: number;
  readonly hookTimeoutMs: number;
  /** How long we wait for a kernel lock that a running process holds. */
  readonly lockWaitMs: number;
  /** How long a stopped process may hold a lock that we need, before it is ended. */
  readonly takeOverGraceMs: number;
  /** Rounds of one cut before the transaction aborts. */
  readonly roundsMax: number;
  /** How long a commit waits for other nodes to publish what is committed, ms. */
  readonly publishWaitMs: number;
  /** How far another node's clock may differ from this one's for a transaction to begin. */
  readonly clockSkewMaxMs: number;
}

export type Progress =
  | { readonly kind: 'phase'; readonly phase: string; readonly subject: string }
  /** Where a node stands in a transaction that more than one take part in. */
  | { readonly kind: 'host'; readonly node: string; readonly phase: string }
  /** What follows is about this one. */
  | { readonly kind: 'transaction'; readonly transaction: TransactionId }
  | { readonly kind: 'warning'; readonly message: string };

export interface Context {
  readonly stateDirectory: string;
  readonly log: ReplicatedLog;
  readonly files: NodeFiles;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly settings: Settings;
  /** This process. */
  readonly self: ProcessIdentity;
  readonly driver: (name: DriverName) => Promise<VolumeDriver>;
  readonly writers: () => Promise<Writers>;
  readonly locks: () => Promise<KernelLocks>;
  readonly runner: () => Promise<CommandRunner>;
  readonly hooks: () => Promise<Hooks>;
  readonly sandbox: () => Promise<Sandbox>;
  readonly treeUsers: () => Promise<TreeUsers>;
  /** A node's part in transactions: this node's in this process, another's by its daemon. */
  readonly participant: (node: string) => Promise<Participant>;
  readonly report: (progress: Progress) => void;
}

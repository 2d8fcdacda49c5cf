/**
 * What one node can do: the library's face, and all that the CLI sees. Each method is one command; requests are plain
 * data, answers are the reports of reports.ts, failures are SnapcommitErrors.
 */
import type { CommitRequest, RestoreRequest, TransactRequest } from '../coordinator/requests.js';
import type { ExecRequest } from '../coordinator/exec.js';
import type { OpenRequest } from '../coordinator/open.js';
import type { PruneRequest, Pruned } from '../coordinator/prune.js';
import type { DriverName, GroupRecord } from '../machine/entry.js';
import type {
  DiffReport,
  DrainReport,
  DryRunReport,
  Freshness,
  GenerationReport,
  GroupReport,
  HoldReport,
  OpenReport,
  RecoverReport,
  StatusReport,
  TransactionReport,
  VerifyReport,
  VolumeReport,
  VolumeTreeReport,
} from './reports.js';

export interface AddVolumeRequest {
  readonly name: string;
  readonly source: string;
  /** null: detected. */
  readonly driver: DriverName | null;
  /** null: the driver's default place. */
  readonly publishDirectory: string | null;
}

/** A source with everything that is nested in it, at any depth: NAME, NAME-child, NAME-child-grandchild. */
export interface AddVolumeTreeRequest extends AddVolumeRequest {
  /** null: beside the source. Each volume has a directory of its name there. */
  readonly publishDirectory: string | null;
  /** Say what would be added, and change nothing. */
  readonly dryRun: boolean;
}

export interface MoveVolumeRequest {
  readonly name: string;
  /** Where its live tree is now, on this node; null: at the path that it had. */
  readonly source: string | null;
  /** null: as it lay to the live tree before. */
  readonly publishDirectory: string | null;
}

export interface GenerationName {
  readonly group: string;
  readonly generation: number;
}

export interface SnapcommitNode {
  addVolume(request: AddVolumeRequest): Promise<VolumeReport>;
  /** Adds what of it is no volume yet; all or nothing is checked, but each is added by itself. */
  addVolumeTree(request: AddVolumeTreeRequest): Promise<VolumeTreeReport>;
  /** The volume's disk is in this node now, or elsewhere on it. */
  moveVolume(request: MoveVolumeRequest): Promise<VolumeReport>;
  volumes(): Promise<readonly VolumeReport[]>;
  volume(name: string): Promise<VolumeReport>;
  removeVolume(name: string): Promise<void>;
  forfeitVolume(name: string): Promise<void>;

  createGroup(group: GroupRecord): Promise<GroupReport>;
  /** Replaces only what `change` names. */
  updateGroup(name: string, change: Partial<Omit<GroupRecord, 'name'>>): Promise<GroupReport>;
  groups(): Promise<readonly GroupReport[]>;
  group(name: string): Promise<GroupReport>;
  /** `withGenerations`: its live generations go with it; otherwise it must have none (IN_USE). */
  removeGroup(name: string, withGenerations: boolean): Promise<void>;

  /** `wait`: wait for another commit of this group on this machine instead of refusing (BUSY). */
  commit(request: CommitRequest, wait: boolean): Promise<GenerationReport>;
  commitDryRun(request: CommitRequest): Promise<DryRunReport>;
  transactDryRun(request: TransactRequest): Promise<DryRunReport>;
  restoreDryRun(request: RestoreRequest): Promise<DryRunReport>;
  transact(request: TransactRequest, wait: boolean): Promise<GenerationReport>;
  restore(request: RestoreRequest, wait: boolean): Promise<GenerationReport>;

  /** Live generations, oldest first. */
  list(group: string): Promise<readonly GenerationReport[]>;
  show(name: GenerationName): Promise<GenerationReport>;
  open(request: OpenRequest): Promise<OpenReport>;
  /** Resolves to the command's exit status. */
  exec(request: ExecRequest): Promise<number>;
  diff(group: string, from: number, to: number): Promise<DiffReport>;
  /** null: every group; generation null: every live one. Answers problems; does not reject for them. */
  verify(group: string | null, generation: number | null): Promise<VerifyReport>;

  transactions(): Promise<readonly TransactionReport[]>;
  transaction(id: string): Promise<TransactionReport>;
  abortTransaction(id: string): Promise<TransactionReport>;

  addHold(name: GenerationName, tag: string): Promise<void>;
  releaseHold(name: GenerationName, tag: string): Promise<void>;
  holds(group: string): Promise<readonly HoldReport[]>;
  prune(request: PruneRequest): Promise<Pruned>;

  /** Its volumes and writers begin no transactions any more, so that it can be removed. Of a cluster. */
  drainNode(node: string): Promise<DrainReport>;
  undrainNode(node: string): Promise<DrainReport>;

  /** In a cluster: every node that can be reached, and what the others were coordinating. `localOnly`: only this node. */
  recover(dryRun: boolean, localOnly?: boolean): Promise<RecoverReport>;
  status(): Promise<StatusReport>;
  /** Of what was read so far, of a node that was opened with `stale`. */
  freshness(): Freshness;
  /** The whole state and every generation, for keeping elsewhere. */
  exportLog(): Promise<unknown>;
  close(): void;
}

/**
 * One node's part in a transaction, as a coordinator anywhere asks for it. Types only. A node's own part is played in the
 * coordinator's process, another node's by its daemon; both do the same.
 *
 * A request says which transaction, under which epoch, in which round, and nothing else: what is to be done to which volumes
 * and writers the participant reads from the log, after a read barrier, under the volumes' locks. An epoch that is not the
 * transaction's newest is refused (STALE_EPOCH), and so is one below what the volume's stamp says, which survives a restart.
 *
 * Every request may be made twice: the second is answered like the first. A participant that restarted in between knows
 * nothing of the round, whose freeze is broken then, and says so (FREEZE_LAPSED): the round is void.
 */
import type { DriverName, Epoch, ManifestVolume, TransactionId, TransactionMode } from '../machine/entry.js';

/** A transaction, and who speaks for it. */
export interface Work {
  readonly transaction: TransactionId;
  readonly epoch: Epoch;
}

export interface RoundName extends Work {
  /** Counted from 1. */
  readonly round: number;
}

export interface SurveyRequest {
  readonly mode: TransactionMode;
  /** Volumes of this node. */
  readonly volumes: readonly string[];
  /** Paths below the cgroup2 mount, and systemd units, of this node. */
  readonly cgroups: readonly string[];
  readonly units: readonly string[];
}

export interface SurveyedVolume {
  readonly volume: string;
  readonly driver: DriverName;
  /** The live tree's identity now. */
  readonly base: string;
  /** A staged snapshot is one point in time. */
  readonly pointInTime: boolean;
}

/** What this node could contribute to a transaction that began now. */
export interface Survey {
  readonly volumes: readonly SurveyedVolume[];
  /** Every writer as a cgroup path, without repeats. */
  readonly cgroups: readonly string[];
  /** A source that the kernel's NFS server exports, whose writers no freezer reaches; null: none. */
  readonly exported: string | null;
  /** This node's clock when it answered, ms since the epoch. */
  readonly now: number;
}

/** How a round went on one node. */
export interface RoundReport {
  /**
   * From the moment all of its writers stood until they were let go nothing thawed; where not, `reason` says what lapsed and
   * the round is void on every node.
   */
  readonly unbroken: boolean;
  readonly reason: string | null;
  /** How long this node's writers stood still; 0 where none were declared. */
  readonly stallMs: number;
  /** From the first stage call's start to the last one's end, on this node. */
  readonly skewMs: number;
  /** Cgroup paths that stood frozen. */
  readonly frozen: readonly string[];
  /** Staged volumes with the identities that this round's calls returned. */
  readonly volumes: readonly ManifestVolume[];
}

/** What became of a cut or a swap, for the post-hooks. */
export type CutOutcome = 'staged' | 'swapped' | 'failed';

/** A writable copy that will stand in place of the live tree. */
export interface ClonedVolume {
  readonly volume: string;
  /** Where it stands now, on its own node. */
  readonly path: string;
}

export interface Participant {
  readonly node: string;

  /** Changes nothing but publishes that were decided before. Rejects with what makes the transaction impossible here. */
  survey(request: SurveyRequest): Promise<Survey>;
  /** Finishes every earlier publish, then records the debt and runs the pre-hooks. HOOK_FAILED after having run the post-hooks. */
  quiesce(work: Work): Promise<void>;
  /**
   * Everything of a round that can be done while writers run: the volumes' locks, the fence check, free space, stamps, stage
   * calls opened, the freezer armed, a flush.
   */
  prepare(round: RoundName): Promise<void>;
  /** Freezes this node's writers; resolves when all stand still. */
  freeze(round: RoundName): Promise<void>;
  /** Takes every snapshot. The writers stay frozen. */
  stage(round: RoundName): Promise<void>;
  /** Lets the writers go, and ends the round. Waits neither for the log nor for anybody else. */
  thaw(round: RoundName): Promise<RoundReport>;
  /** Ends a round that will not be staged, from whichever step it is in; one that is unknown is ended already. Never rejects here; a lost answer does. */
  endRound(round: RoundName): Promise<void>;
  /** Runs the post-hooks that are owed, and starts the units that were stopped; false: one failed, and recovery tries again. */
  resume(work: Work, outcome: CutOutcome): Promise<boolean>;

  /** transact and restore: a writable clone of every volume, of its live tree or of the generation that is restored. */
  clone(work: Work): Promise<readonly ClonedVolume[]>;
  /** Stops the units that are declared, with the debt recorded before, and takes a read-only snapshot of each clone. */
  seal(work: Work): Promise<readonly ManifestVolume[]>;
  /**
   * Makes the live trees read-only, and then makes sure that nobody uses them (IN_USE) and, of a transact, that they are
   * what the clones were taken from (CONFLICT). They stay so until they are replaced, or `reopen`; also across a restart.
   */
  close(work: Work): Promise<void>;
  /** Undoes `close`, while the transaction is open and `work` speaks for it. False: a tree may still be read-only. */
  reopen(work: Work): Promise<boolean>;
  /** Lets go of all that this transaction holds in memory here: rounds and locks. Only a lost answer rejects. */
  leave(work: Work): Promise<void>;

  /**
   * Deletes what this transaction staged here and did not publish. `voidThrough` null: all of it, once it is decided. A
   * number: rounds up to that one, of which its coordinator says that they are void; a late copy of such a request must
   * not take what a later round has staged.
   */
  discard(work: Work, voidThrough: number | null): Promise<void>;
  /** Publishes a committed generation here and says so in the log. PUBLISH_PENDING with the reason. */
  publish(group: string, generation: number): Promise<void>;
}

/** Reaching the participants of other nodes. */
export interface Participants {
  /** Answers at once, whether or not the node can be reached: its requests tell. */
  of(node: string): Participant;
}

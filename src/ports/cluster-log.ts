/**
 * What a replicated log has beyond ReplicatedLog: members, leadership, and numbers for whoever watches. Types only.
 */
import type { Slot } from '../machine/entry.js';
import type { Configuration } from '../paxos/configuration.js';

/** Whether a voter's word counts; see paxos/effects.ts, Abstention. `unproven`: it has not yet asked its peers. */
export type ReplicaStanding = 'voting' | 'learning' | 'damaged' | 'forgetful' | 'unproven';

export interface ReplicaStatus {
  readonly node: string;
  readonly role: 'follower' | 'candidate' | 'leader';
  readonly standing: ReplicaStanding;
  /** Its peers have said what they know of its store: only then it is safe to let it vote. */
  readonly isProven: boolean;
  /** As far as this node knows; null: nobody. */
  readonly leader: string | null;
  /** The highest ballot promised. */
  readonly ballot: { readonly round: number; readonly node: string };
  readonly configuration: Configuration;
  readonly lastSlot: Slot;
  readonly decidedSlot: Slot;
  readonly appliedSlot: Slot;
  readonly checkpointSlot: Slot;
  /** The store has no room: appends are refused until it has. */
  readonly isFull: boolean;
  /** A sync does not return: this node does not lead until it does. */
  readonly diskStalls: boolean;
  /** A peer's checkpoint is on its way. */
  readonly isFetching: boolean;
  readonly members: readonly MemberStatus[];
}

export interface MemberStatus {
  readonly node: string;
  readonly votes: boolean;
  /** How far it is behind, in slots, as the leader knows it; null elsewhere, and before it was heard of. */
  readonly lagSlots: number | null;
}

export interface MemberSet {
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

/**
 * What a change makes of the members that there are; of what it has made, it makes the same again. It may be asked several
 * times. What it throws is told to whoever wanted the change, and nothing is changed.
 */
export type MemberChange = (now: Configuration) => MemberSet;

export interface ClusterLog {
  replicaStatus(): ReplicaStatus;
  /**
   * Goes over to what `change` makes of the members, by way of the leader; where another change comes first, to what it
   * makes of those. Resolves when this node is in a configuration that has it.
   * @throws what `change` throws; UNAVAILABLE when it did not come about in time and will not any more, OUTCOME_UNKNOWN
   *   when it still may; USAGE when the set is not possible, BUSY when many wait.
   */
  reconfigure(change: MemberChange): Promise<Configuration>;
  /** Asks whoever leads to let another voter lead. Answers at once; status tells what came of it. */
  transferLeadership(): void;
}

/** Whoever counts. Every call is cheap and must not throw. */
export interface ReplicaMetrics {
  ballot(round: number): void;
  leaderChanged(leader: string | null): void;
  slotsChosen(count: number): void;
  /** One durable batch. */
  batch(entries: number, milliseconds: number): void;
  queue(name: 'appends' | 'forwarded' | 'reads' | 'unsynced', depth: number): void;
  lag(node: string, slots: number): void;
  /** A message that could not be read, or that came from nobody of ours. */
  messageRefused(from: string, reason: string): void;
}

/** What the people who run a node should hear of. */
export type ReplicaEvent =
  /** This node serves nothing more and has to be started again. */
  | { readonly type: 'stopped'; readonly error: Error }
  | { readonly type: 'full' | 'room' }
  /** A sync does not return: this node leads no more until it does. */
  | { readonly type: 'diskStalls' | 'diskReturned' }
  /** Rows or the checkpoint cannot be read; peers heal them. */
  | { readonly type: 'damaged'; readonly slots: readonly number[]; readonly message: string }
  | { readonly type: 'healed' }
  /** All that is stored was read. `damaged`: rows, archived records and checkpoints that could not be. */
  | { readonly type: 'scrubbed'; readonly rows: number; readonly damaged: number }
  | { readonly type: 'scrubFailed'; readonly message: string }
  /** A peer knows this node by another store, or by a later state of this one: it learns, and does not vote. */
  | { readonly type: 'forgetful'; readonly message: string }
  | { readonly type: 'configured'; readonly configuration: Configuration }
  /** No member any more, and nobody needs this log. */
  | { readonly type: 'retired' }
  | { readonly type: 'transferFailed'; readonly from: string; readonly message: string };

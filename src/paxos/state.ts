/** A replica's state, and what of it survives a crash. PURE. */
import { NO_BALLOT, type Ballot, type NodeId } from './ballot.js';
import type { Configuration } from './configuration.js';
import { slot, type ContiguousLog, type Slot } from './contiguous-log.js';
import type { PromiseBallot } from './messages.js';

/** What a leader knows of one voter (itself included). */
export interface Progress {
  /** Its newest promise of our ballot; null while it has not answered. */
  readonly promise: PromiseBallot | null;
  /** How far its log is ours, durably, under our ballot; null before it says so. */
  readonly accepted: Slot | null;
}

export interface Follower {
  readonly kind: 'follower';
}
/** Phase 1 is under way. */
export interface Preparing {
  readonly kind: 'preparing';
  readonly ballot: Ballot;
  readonly promises: ReadonlyMap<NodeId, PromiseBallot>;
  /** Proposals that wait for phase 1. */
  readonly pending: readonly Uint8Array[];
}
export interface Leading {
  readonly kind: 'leading';
  /** L7: equals both `promised` and `accepted` for as long as we lead. */
  readonly ballot: Ballot;
  /** The log that phase 1 chose: the ballot that it was accepted under, and its last slot. */
  readonly adopted: { readonly ballot: Ballot; readonly last: Slot };
  readonly voters: ReadonlyMap<NodeId, Progress>;
}
export type Role = Follower | Preparing | Leading;

export interface Replica {
  readonly self: NodeId;
  readonly configuration: Configuration;
  /** L1: never falls. Durable. */
  readonly promised: Ballot;
  /** The ballot that the log was last brought in line with. L2: at most `promised`. Durable. */
  readonly accepted: Ballot;
  /** Slots up to here are chosen. L3: within the log. L4: those entries never change. Durable. */
  readonly decided: Slot;
  /** L5: contiguous. Durable. */
  readonly log: ContiguousLog;
  /** The highest ballot heard of, so that the next one of ours goes past it. */
  readonly seen: Ballot;
  readonly role: Role;
}

/** What the store gives back after a restart. */
export interface Durable {
  readonly promised: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly log: ContiguousLog;
}

export const NOTHING_DURABLE: Durable = {
  promised: NO_BALLOT,
  accepted: NO_BALLOT,
  decided: slot(0),
  log: { base: slot(0), entries: [] },
};

/** A replica as it starts, for the first time or again: a follower, whatever it was before (D3). */
export function restore(self: NodeId, configuration: Configuration, durable: Durable): Replica {
  return {
    self,
    configuration,
    promised: durable.promised,
    accepted: durable.accepted,
    decided: durable.decided,
    log: durable.log,
    seen: durable.promised,
    role: { kind: 'follower' },
  };
}

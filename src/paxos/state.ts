/** A replica's state, and what of it survives a crash. PURE. */
import { NO_BALLOT, type Ballot, type NodeId } from './ballot.js';
import { isMember, type Configuration } from './configuration.js';
import { logFrom, slot, type ContiguousLog, type Slot } from './contiguous-log.js';
import type { Abstention } from './effects.js';
import { DEFAULT_LIMITS, type Limits } from './limits.js';
import type { Presence, PromiseBallot } from './messages.js';

/** What a leader knows of one member (itself included). */
export interface Progress {
  /** Its newest promise of our ballot; null while it has not answered. */
  readonly promise: PromiseBallot | null;
  /** How far its log is ours, durably, under our ballot; null before it says so. */
  readonly accepted: Slot | null;
  /** How far we have sent it our log; null before its log was brought in line. */
  readonly sent: Slot | null;
  /** What `accepted` was when the last round began: who stands still is sent its entries again. */
  readonly acceptedBefore: Slot | null;
}

/** Reads that wait for a quorum to confirm that we lead. Never more than `limits.reads`. */
export interface Reads {
  /** The newest round that was begun; rounds only rise while we lead. */
  readonly round: number;
  /** What the round under way answers; empty: none is under way. */
  readonly asked: readonly number[];
  /** As of when that round began. */
  readonly slot: Slot;
  readonly confirmedBy: readonly NodeId[];
  /** Came after that round began: they are the next one's. */
  readonly waiting: readonly number[];
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
  /** I7: equals both `promised` and `accepted` for as long as we lead. */
  readonly ballot: Ballot;
  /** The log that phase 1 chose: the ballot that it was accepted under, and its last slot. */
  readonly adopted: { readonly ballot: Ballot; readonly last: Slot };
  /** Everybody of the configuration, learners too. */
  readonly members: ReadonlyMap<NodeId, Progress>;
  /** Bytes of the entries that are proposed and not decided. */
  readonly inFlightBytes: number;
  /** A stop-sign that waits until a majority of its voters holds the log (T14); nothing else is proposed meanwhile. */
  readonly stopping: { readonly id: number; readonly next: Configuration; readonly rounds: number } | null;
  readonly reads: Reads;
}
export type Role = Follower | Preparing | Leading;

/** Ballot leader election, after OmniPaxos (EuroSys '23); see election.ts. Nothing of it is durable. */
export interface Election {
  readonly ticks: number;
  /** Of heartbeats, in this configuration; 0: none was begun. */
  readonly round: number;
  /** The highest ballot that somebody we can reach leads with, as far as we know; NO_BALLOT: nobody does. */
  readonly leader: Ballot;
  /** We lead with a quorum, or are in touch with a leader who says that it does. */
  readonly happy: boolean;
  /** Answers to this round's heartbeat. */
  readonly replies: ReadonlyMap<NodeId, ElectionReply>;
}
export interface ElectionReply {
  readonly ballot: Ballot;
  readonly happy: boolean;
  readonly standing: Presence;
  readonly decided: Slot;
}

export interface Replica {
  readonly self: NodeId;
  readonly limits: Limits;
  /** I10: its id never falls. Durable. */
  readonly configuration: Configuration;
  /** I1: never falls, also not from one configuration to the next. Durable. */
  readonly promised: Ballot;
  /**
   * The ballot that the log was last brought in line with in this configuration; NO_BALLOT: in none yet. I2: at most
   * `promised`. Durable.
   */
  readonly accepted: Ballot;
  /** Slots up to here are chosen. I3: within the log. I4: those entries never change. Durable. */
  readonly decided: Slot;
  /** I5: contiguous. Durable. */
  readonly log: ContiguousLog;
  /** I13: who abstains neither prepares nor leads. Durable. */
  readonly abstains: Abstention | null;
  /** The highest ballot heard of, so that the next one of ours goes past it. */
  readonly seen: Ballot;
  readonly role: Role;
  readonly election: Election;
  /** What we lack up to here is gone from the others' logs: a checkpoint has to be installed. null: nothing is. */
  readonly behind: Slot | null;
  /** Were a member when we started or since, and are none any more: `retired` is said once. */
  readonly leaving: boolean;
  /** I13: the disk hangs, as the host says. What it was told to write may be durable or not. */
  readonly stalls: boolean;
}

/** What the store gives back after a restart, beside the configuration. */
export interface Durable {
  readonly promised: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly log: ContiguousLog;
  readonly abstains: Abstention | null;
}

export const NOTHING_DURABLE: Durable = {
  promised: NO_BALLOT,
  accepted: NO_BALLOT,
  decided: slot(0),
  log: logFrom(slot(0), []),
  abstains: null,
};

/** A replica as it starts, for the first time or again: a follower, whatever it was before (D3). */
export function restore(
  self: NodeId,
  configuration: Configuration,
  durable: Durable,
  limits: Limits = DEFAULT_LIMITS,
): Replica {
  const { promised, accepted, decided, log, abstains } = durable;
  const election: Election = {
    ticks: 0,
    round: 0,
    leader: NO_BALLOT,
    happy: false,
    replies: new Map(),
  };
  return {
    self,
    limits,
    configuration,
    promised,
    accepted,
    decided,
    log,
    abstains,
    seen: promised,
    role: { kind: 'follower' },
    election,
    behind: null,
    // Only who was a member once has promised anything.
    leaving: !isMember(configuration, self) && promised.round > 0,
    stalls: false,
  };
}

/**
 * What is left of a log whose row in `slot` cannot be read: everything before it, and the duty not to deny what may
 * have stood from there on (D10). Rows up to the newest checkpoint's slot are not needed: `damaged` lies behind it.
 */
export function withDamage(durable: Durable, damaged: Slot): Durable {
  const { accepted, decided, log, abstains } = durable;
  const whole = slot(damaged - 1);
  const entries = log.shared.slice(log.base - log.origin, whole - log.origin);
  return {
    ...durable,
    decided: decided < whole ? decided : whole,
    log: logFrom(log.base, entries),
    abstains: abstains ?? { kind: 'damaged', ballot: accepted, through: log.last },
  };
}

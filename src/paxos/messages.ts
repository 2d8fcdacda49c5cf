/**
 * What replicas say to each other. PURE: types only.
 *
 * Every message may be lost, repeated or late. The ones that carry entries say which slot they follow (`after`), so a
 * receiver never has to guess the alignment (P2, P4).
 */
import type { Ballot, NodeId } from './ballot.js';
import type { LogEntry, Slot } from './contiguous-log.js';

/** Phase 1: "promise me this ballot, and send what I lack". The rest describes the proposer's own log. */
export interface Prepare {
  readonly type: 'prepare';
  readonly ballot: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly last: Slot;
}

/** "Nothing lower than this ballot from now on." Describes the acceptor's log; `suffix` follows the slot `after`. */
export interface PromiseBallot {
  readonly type: 'promise';
  readonly ballot: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly last: Slot;
  readonly after: Slot;
  readonly suffix: readonly LogEntry[];
}

/** Phase 2, first message to a follower: "after this slot, your log is this" (the slot is one that we agree up to). */
export interface AcceptSync {
  readonly type: 'acceptSync';
  readonly ballot: Ballot;
  readonly after: Slot;
  readonly entries: readonly LogEntry[];
  readonly decided: Slot;
}

/** Phase 2, every further message: new entries at the end. Without entries it is a heartbeat. */
export interface Accept {
  readonly type: 'accept';
  readonly ballot: Ballot;
  readonly after: Slot;
  readonly entries: readonly LogEntry[];
  readonly decided: Slot;
}

/** "My log is yours up to `last`, durably." */
export interface Accepted {
  readonly type: 'accepted';
  readonly ballot: Ballot;
  readonly last: Slot;
}

export interface Decide {
  readonly type: 'decide';
  readonly ballot: Ballot;
  readonly decided: Slot;
}

/** "I have promised a higher ballot than the one that you used." */
export interface Nack {
  readonly type: 'nack';
  readonly ballot: Ballot;
  readonly promised: Ballot;
}

/** "What you lack is gone from my log: you need a checkpoint that covers `base`." */
export interface Compacted {
  readonly type: 'compacted';
  readonly ballot: Ballot;
  readonly base: Slot;
}

export type Message = Prepare | PromiseBallot | AcceptSync | Accept | Accepted | Decide | Nack | Compacted;

export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The configuration's id; a replica ignores messages of another one. */
  readonly configuration: number;
  readonly message: Message;
}

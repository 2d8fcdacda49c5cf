/**
 * What replicas say to each other. PURE: types only.
 *
 * Every message may be lost, repeated or late. The ones that carry entries say which slot they follow (`after`), so a
 * receiver never has to guess the alignment (P2, P4).
 */
import type { Ballot, NodeId } from './ballot.js';
import type { LogEntry, Slot } from './contiguous-log.js';

/** Whether what a replica says counts where it is a voter; the others are the kinds of Abstention (effects.ts). */
export type Standing = 'voting' | 'damaged' | 'forgetful';

/** What a replica says of itself at this moment; `stalled`: its disk hangs, so it can neither promise nor accept now. */
export type Presence = Standing | 'stalled';

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
  /** Only a promise of a voter that is 'voting' counts, and only its log is adopted (D8, D10). */
  readonly standing: Standing;
}

/**
 * Phase 2, first message to a follower: "after this slot, your log is this" (the slot is one that we agree up to). Holds
 * the leader's whole log after that slot: a log that was brought in line by halves would deny what it accepted before.
 * Whoever lacks much learns decided entries first.
 */
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

/** "I have promised another ballot than the one that you used": a higher one, or a lower one and yours never. */
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

/** "Is your promise still this ballot?" A quorum's yes, begun after a read came, makes the read linearizable (P8). */
export interface Confirm {
  readonly type: 'confirm';
  readonly ballot: Ballot;
  readonly round: number;
}

export interface Confirmed {
  readonly type: 'confirmed';
  readonly ballot: Ballot;
  readonly round: number;
}

/** Ballot leader election: "are you there?", asked of every voter by every voter, once a round. */
export interface Heartbeat {
  readonly type: 'heartbeat';
  readonly round: number;
}

export interface HeartbeatReply {
  readonly type: 'heartbeatReply';
  readonly round: number;
  /** The ballot that the replier leads with, or tries to; NO_BALLOT when it follows. */
  readonly ballot: Ballot;
  /** It leads, or is in touch with the leader, and that leader with a quorum. */
  readonly happy: boolean;
  readonly standing: Presence;
  readonly decided: Slot;
}

/** "Send me what is decided after this slot." Valid across configurations, as are `learn` and `compacted`. */
export interface Fetch {
  readonly type: 'fetch';
  readonly after: Slot;
}

/** "This is decided." Bounded; `decided` tells how far the sender is, and whoever is behind fetches the rest. */
export interface Learn {
  readonly type: 'learn';
  readonly after: Slot;
  readonly entries: readonly LogEntry[];
  readonly decided: Slot;
}

/** "I lead no more: lead at once." */
export interface Handover {
  readonly type: 'handover';
}

export type Message =
  | Prepare
  | PromiseBallot
  | AcceptSync
  | Accept
  | Accepted
  | Decide
  | Nack
  | Compacted
  | Confirm
  | Confirmed
  | Heartbeat
  | HeartbeatReply
  | Fetch
  | Learn
  | Handover;

export interface Envelope {
  readonly from: NodeId;
  readonly to: NodeId;
  /** The sender's configuration's id. */
  readonly configuration: number;
  readonly message: Message;
}

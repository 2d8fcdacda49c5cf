/**
 * What goes into a step and what comes out. PURE: types only.
 *
 * The host's duties, in this order: perform the effects one after the other; do not begin one before the one before it
 * has ended; when a `persist` fails, perform nothing that follows it. A step's `persist` stands before everything that
 * depends on it, so nothing is sent or called chosen that a crash could take back (D1, D4).
 */
import type { Ballot, NodeId } from './ballot.js';
import type { LogEntry, Slot } from './contiguous-log.js';
import type { Envelope, Message } from './messages.js';

export type Input =
  /** Become the leader with a new ballot; `entries` are proposed as soon as phase 1 is done. */
  | { readonly kind: 'campaign'; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'propose'; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'receive'; readonly from: NodeId; readonly configuration: number; readonly message: Message }
  /** Say again what has not been answered; the host's timer sends this. */
  | { readonly kind: 'resend' }
  /** A checkpoint covers these slots durably; forget their bytes. */
  | { readonly kind: 'compact'; readonly through: Slot };

/**
 * What has to be durable, all of it or nothing (D2): both ballots, the decided slot, and the rows from `first` on,
 * which are replaced by `entries` (`first` is one past the last row when no row changed).
 */
export interface Write {
  readonly promised: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly first: Slot;
  readonly entries: readonly LogEntry[];
}

export type Effect =
  | { readonly kind: 'persist'; readonly write: Write }
  | { readonly kind: 'send'; readonly envelope: Envelope }
  /** Proposals of ours stand in these slots under this ballot; they may still lose. */
  | { readonly kind: 'proposed'; readonly first: Slot; readonly count: number; readonly ballot: Ballot }
  /** Never proposed and never will be: we do not lead. */
  | { readonly kind: 'rejected'; readonly entries: readonly Uint8Array[] }
  /** Chosen for ever: apply in this order. */
  | { readonly kind: 'chosen'; readonly first: Slot; readonly entries: readonly LogEntry[] }
  /** This replica lags behind what `from` still has; fetch a checkpoint that covers `base`. */
  | { readonly kind: 'checkpointNeeded'; readonly from: NodeId; readonly base: Slot };

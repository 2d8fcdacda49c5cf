/**
 * What goes into a step and what comes out. PURE: types only.
 *
 * The host's duties: perform the effects one after the other; do not begin one before the one before it has ended; when
 * a `persist` fails, perform nothing that follows it. What depends on a step's write stands behind its `persist`, so
 * nothing is promised, accepted or called chosen that a crash could take back (D1, D4); what stands before it (a leader's
 * `accept`) may leave while the disk is still busy. A `send` to this node itself is handed back as `receive`.
 *
 * Several steps can share one sync: first what stands before each `persist`, then all writes in one transaction, then
 * the rest, in order.
 */
import type { Ballot, NodeId } from './ballot.js';
import type { Configuration } from './configuration.js';
import type { LogEntry, Slot } from './contiguous-log.js';
import type { Envelope, Message } from './messages.js';

export type Input =
  /** Become the leader with a new ballot; `entries` are proposed as soon as phase 1 is done. */
  | { readonly kind: 'campaign'; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'propose'; readonly entries: readonly Uint8Array[] }
  | { readonly kind: 'receive'; readonly from: NodeId; readonly configuration: number; readonly message: Message }
  /** The only time that there is: heartbeats, elections, and saying again what has not been answered. */
  | { readonly kind: 'tick' }
  /**
   * The oldest `persist` under way has not ended for longer than an election would take (`stalls`), or it has now. Who
   * leads with a disk that hangs takes nothing and keeps everybody from electing another.
   */
  | { readonly kind: 'disk'; readonly stalls: boolean }
  /** Say again at once what has not been answered. */
  | { readonly kind: 'resend' }
  /** A linearizable read: answered by `readable` or `readRefused` with the same id. */
  | { readonly kind: 'read'; readonly id: number }
  /**
   * Go over to these members. Voters must be members already: whoever is new comes as a learner first. `base`: the id of
   * the configuration that the change was worked out from; in another one it is refused, so that no two changes undo each
   * other. A refusal bears the same id.
   */
  | {
      readonly kind: 'reconfigure';
      readonly id: number;
      readonly base: number;
      readonly voters: readonly NodeId[];
      readonly learners: readonly NodeId[];
    }
  /** Lead no more, and let the voter that is furthest lead at once. */
  | { readonly kind: 'transfer' }
  /** A checkpoint covers these slots durably; forget their bytes. */
  | { readonly kind: 'compact'; readonly through: Slot }
  /**
   * The host holds a whole, checked checkpoint of a peer as of this slot. Where the step answers with a write whose
   * `install` is that slot, the checkpoint's data go into the same transaction (P7); without one it is of no use any more.
   */
  | { readonly kind: 'install'; readonly slot: Slot; readonly configuration: Configuration };

/**
 * Why a replica that is listed as a voter does not vote. Durable.
 *
 * damaged: rows were lost. Under `ballot` it may have accepted anything up to the slot `through`, and it never denies
 * that (D10): it gives no promise that counts until its log is whole again.
 * forgetful: its store was wiped, cloned or set back, so it cannot know what it promised in the configurations up to
 * `configuration`: nothing that it says counts there (D8, D9).
 */
export type Abstention =
  | { readonly kind: 'damaged'; readonly ballot: Ballot; readonly through: Slot }
  | { readonly kind: 'forgetful'; readonly configuration: number };

/**
 * What has to be durable, all of it or nothing (D2): the scalars, and the rows from `first` on, which are replaced by
 * `entries` (`first` is one past the last row when no row changed). Of several writes the last one's scalars count.
 */
export interface Write {
  readonly promised: Ballot;
  readonly accepted: Ballot;
  readonly decided: Slot;
  readonly configuration: Configuration;
  readonly abstains: Abstention | null;
  readonly first: Slot;
  readonly entries: readonly LogEntry[];
  /** The slot of the checkpoint that is installed in the same transaction: rows up to it are gone. */
  readonly install: Slot | null;
  /** false: only the decided slot rose, which a crash may take back; it can wait for the next write that needs a sync. */
  readonly sync: boolean;
}

/** Why a proposal was not taken. It is not proposed and never will be. */
export type Rejection =
  | 'notLeading'
  /** As much is under way as may be, or a stop-sign waits to be proposed: try again a little later. */
  | 'busy'
  /** A stop-sign ends this configuration: try again when the next one has a leader. */
  | 'stopped';

/** Why a reconfiguration was not begun. It is not, and never will be. */
export type ReconfigurationRefusal =
  | 'notLeading'
  /** It was worked out from another configuration than the one that this leader is in. */
  | 'stale'
  /** Another stop-sign is under way. */
  | 'busy'
  /** No voter, somebody twice, a voter that is no member yet, or nothing that would change. */
  | 'invalid'
  /** No majority of the new voters holds the log (T14). */
  | 'behind';

export type Effect =
  | { readonly kind: 'persist'; readonly write: Write }
  | { readonly kind: 'send'; readonly envelope: Envelope }
  /** Proposals of ours stand in these slots under this ballot; they may still lose. */
  | { readonly kind: 'proposed'; readonly first: Slot; readonly count: number; readonly ballot: Ballot }
  | { readonly kind: 'rejected'; readonly entries: readonly Uint8Array[]; readonly reason: Rejection }
  /** Chosen for ever: apply in this order. */
  | { readonly kind: 'chosen'; readonly first: Slot; readonly entries: readonly LogEntry[] }
  /** A state with every slot up to `slot` applied answers these reads. */
  | { readonly kind: 'readable'; readonly ids: readonly number[]; readonly slot: Slot }
  | { readonly kind: 'readRefused'; readonly ids: readonly number[]; readonly reason: 'notLeading' | 'busy' }
  /** The stop-sign stands in the log (it may still lose); `configured` tells that it is chosen. */
  | { readonly kind: 'reconfiguring'; readonly configuration: Configuration }
  | { readonly kind: 'reconfigureRefused'; readonly id: number; readonly reason: ReconfigurationRefusal }
  /** From now on this replica is in this configuration. */
  | { readonly kind: 'configured'; readonly configuration: Configuration }
  /** No member any more, and the configuration that left us out has chosen an entry: nobody needs our log. */
  | { readonly kind: 'retired'; readonly configuration: number }
  /** Our log is whole again, or a configuration began in which we have never voted. */
  | { readonly kind: 'healed' }
  /** This replica lags behind what `from` still has; fetch a checkpoint that covers `base`. */
  | { readonly kind: 'checkpointNeeded'; readonly from: NodeId; readonly base: Slot };

/**
 * Open transactions that nobody drives any more. Judged again at every look: a coordinator that only sleeps, and a node that
 * is only cut off, are left some time, since taking over costs them what they have done so far. It is never unsafe (a new
 * epoch fences them off), only unkind.
 */
import { isUndriven } from '../../coordinator/recover-plan.js';
import { areHoldersStopped, transactionLock } from '../../participant/fence.js';
import type { OpenTransaction, State } from '../../machine/state.js';
import type { Context } from '../../participant/context.js';

export interface OrphanSettings {
  /** How long another node must have been unreachable before we take its transactions over, ms. */
  readonly takeOverAfterMs: number;
  /** How long a coordinator of this node may be stopped, ms. */
  readonly stoppedGraceMs: number;
}

export interface Surroundings {
  /** For how long that node cannot be reached, ms; null: it can be. */
  unreachableForMs(node: string): number | null;
  /**
   * Only the log's leader judges that another node is gone: nothing is decided without one, and a coordinator whose node
   * reaches it is not to be aborted because some bystander does not reach that node. When the leader is gone, too, the next
   * one follows within an election.
   */
  isLeader(): boolean;
}

export class Orphans {
  readonly #context: Context;
  readonly #settings: OrphanSettings;
  readonly #surroundings: Surroundings;
  /** Since when a coordinator of this node has been stopped, by the monotonic clock. */
  readonly #stoppedSince = new Map<string, number>();

  constructor(context: Context, settings: OrphanSettings, surroundings: Surroundings) {
    this.#context = context;
    this.#settings = settings;
    this.#surroundings = surroundings;
  }

  async find(state: State): Promise<readonly OpenTransaction[]> {
    const locks = await this.#context.locks();
    const open = Object.values(state.open);
    for (const id of this.#stoppedSince.keys())
      if (!open.some(({ begin }) => begin.transaction === id)) this.#stoppedSince.delete(id);
    return open.filter((transaction) => {
      if (transaction.coordinator.node !== this.#context.self.node) return this.#isCutOff(transaction);
      if (isUndriven(locks, transaction)) return true;
      return this.#isStoppedTooLong(
        transaction,
        areHoldersStopped(locks, transactionLock(transaction.begin.transaction)),
      );
    });
  }

  /** A command may run for hours, on its own node's volumes only: from elsewhere a person ends it (`transaction abort`). */
  #isCutOff({ begin, coordinator }: OpenTransaction): boolean {
    if (begin.mode === 'transact') return false;
    if (!this.#surroundings.isLeader()) return false;
    const forMs = this.#surroundings.unreachableForMs(coordinator.node);
    return forMs !== null && forMs >= this.#settings.takeOverAfterMs;
  }

  #isStoppedTooLong({ begin }: OpenTransaction, isStopped: boolean): boolean {
    const { transaction } = begin;
    if (!isStopped || begin.mode === 'transact') {
      this.#stoppedSince.delete(transaction);
      return false;
    }
    const now = this.#context.clock.monotonic();
    const since = this.#stoppedSince.get(transaction) ?? now;
    this.#stoppedSince.set(transaction, since);
    return now - since >= this.#settings.stoppedGraceMs;
  }
}

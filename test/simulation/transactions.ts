/**
 * Coordinators: each brings one transaction from its begin to its end, as far as it is let. One that finds another's still
 * open takes it over and aborts it, while that other may be committing (L4).
 */
import type { Slot, TransactionId } from '#src/machine/entry.js';
import type { Outcome } from '#src/machine/entry.js';
import type { Clients } from './clients.js';
import * as operations from './operations.js';
import type { PlanItem } from './plan.js';
import type { Stage } from './stage.js';

type Item = Extract<PlanItem, { readonly kind: 'commit' }>;
type Accepted = Extract<Outcome, { readonly ok: true }> & { readonly slot: Slot };

export class Transactions {
  readonly #stage: Stage;
  readonly #clients: Clients;

  constructor(stage: Stage, clients: Clients) {
    this.#stage = stage;
    this.#clients = clients;
  }

  async run({ node, ends, holds }: Item): Promise<void> {
    await this.#ask(node, operations.changing(operations.VOLUME, true));
    await this.#ask(node, operations.createGroup);
    const begun = await this.#ask(node, operations.beginning);
    const transaction = begun?.transaction ?? null;
    if (begun === null || transaction === null) return this.#takeOver(node);
    if (ends === 'leaves') return;
    const epoch = { incarnation: 1, slot: begun.slot };
    const commit = () => operations.committing(transaction, epoch);
    const abort = () => operations.aborting(transaction, epoch);
    const [ended] = await Promise.all([
      this.#ask(node, ends === 'abort' ? abort : commit),
      ends === 'both' ? this.#ask(node, abort) : null,
    ]);
    const generation = ended?.generation ?? null;
    if (generation === null) return;
    this.#stage.tally.count('generation committed');
    await this.#ask(node, () => operations.publishing(generation));
    if (!holds) return;
    await this.#ask(node, () => operations.holding(generation, 'kept', true));
    await this.#ask(node, () => operations.holding(generation, 'kept', false));
  }

  async #takeOver(node: string): Promise<void> {
    const state = this.#stage.node(node).host?.stateIfAny;
    const [transaction] = Object.keys(state?.open ?? {}) as TransactionId[];
    if (transaction === undefined) return;
    const taken = await this.#ask(node, () => operations.takingOver(transaction));
    if (taken === null) return;
    this.#stage.tally.count('transaction taken over');
    await this.#ask(node, () => operations.aborting(transaction, { incarnation: 1, slot: taken.slot }));
  }

  /** null: refused, or nobody knows. */
  async #ask(node: string, making: operations.Making): Promise<Accepted | null> {
    const operation = this.#stage.history.invoke(making, false);
    const result = await this.#clients.append(operation, node, 0);
    return result?.status === 'chosen' && result.outcome.ok ? { ...result.outcome, slot: result.slot } : null;
  }
}

/**
 * With which of the processes that speak under one name a peer is connected. A transport keeps one connection to a name, and
 * whoever connected last has it: an original and its clones take it from each other, again and again. A message never
 * reaches two of them, and only from the one that has the connection does a peer hear anything.
 */
import { Dice, seedFor } from './random.js';
import type { SimNode } from './sim-node.js';
import type { Stage } from './stage.js';

/** How often a connection can pass to another process, ms. */
const CHANGES_EVERY_MS = 150;

export class Lines {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** Whom a message of the process `sender` reaches under the name `to`; null: the connection is another's. */
  receiver(sender: string, to: string): SimNode | null {
    const from = this.#stage.find(sender);
    if (from === undefined) return null;
    const receiver = this.#atTheEnd(from, to);
    if (receiver === null) return null;
    return this.#atTheEnd(receiver, from.speaksAs) === from ? receiver : null;
  }

  #atTheEnd(peer: SimNode, name: string): SimNode | null {
    const original = this.#stage.nodes.get(name);
    if (this.#stage.clones.size === 0) return original ?? null;
    const clones = [...this.#stage.clones.values()].filter((clone) => clone.speaksAs === name);
    const all = [...(original === undefined ? [] : [original]), ...clones].filter(({ process }) => process !== null);
    if (all.length === 0) return null;
    const { plan, scheduler } = this.#stage;
    const period = Math.floor(scheduler.now / CHANGES_EVERY_MS);
    return new Dice(seedFor(plan.seed, 'line', peer.name, name, period)).pick(all);
  }
}

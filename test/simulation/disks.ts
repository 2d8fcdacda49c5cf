/** What becomes of disks: rows, records and checkpoints that cannot be read, stores that are set back or gone. */
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { MemoryDisk } from '../support/memory-replica-store.js';
import type { Damage } from './plan.js';
import { Dice, seedFor } from './random.js';
import type { SimNode } from './sim-node.js';
import type { Stage } from './stage.js';

export class Disks {
  readonly #stage: Stage;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  /** What lies on the disk changes while the process is down, or under its feet. */
  async damage(node: SimNode, how: Damage): Promise<void> {
    const { contents } = node.disk;
    const dice = new Dice(seedFor(this.#stage.plan.seed, 'damage', node.name, Math.round(this.#stage.scheduler.now)));
    if (how === 'checkpoint') {
      if (contents.checkpoint === null) return;
      node.disk.damageCheckpoint();
    } else if (how === 'archive') {
      const records = [...contents.archive].flatMap(([group, all]) =>
        [...all.keys()].map((one) => [group, one] as const),
      );
      if (records.length === 0) return;
      node.disk.damageArchived(...dice.pick(records));
    } else {
      const { base, last } = contents.head;
      if (last - base < 2) return;
      const at = base + 1 + dice.below(last - base);
      if (contents.rows[at - base - 1] === undefined) return;
      node.disk.damage(at, how === 'misdirected' ? { misdirected: at === last ? at - 1 : at + 1 } : how);
    }
    this.#stage.tally.count(`damage ${how}`);
    await node.kill();
    this.#stage.later(100, () => node.start());
  }

  async rollBack(node: SimNode): Promise<void> {
    const kept = this.#stage.kept.get(node.name);
    if (kept === undefined || !this.othersRemember(node, kept.contents.life.batches + 1)) return;
    this.#stage.tally.count('store rolled back');
    await node.kill();
    node.disk = kept.copy();
    this.#stage.later(200, () => node.start());
  }

  async wipe(node: SimNode): Promise<void> {
    if (!this.othersRemember(node, 1)) return;
    this.#stage.tally.count('store wiped');
    await node.kill();
    node.disk = this.newDisk(node.name, 2 + node.starts);
    this.#stage.later(200, () => node.start());
  }

  /** What nobody has noticed nobody can notice: the others' disks know this store, and further than it will be. */
  othersRemember(node: SimNode, batches: number): boolean {
    const others = [...this.#stage.nodes.values()].filter((one) => one !== node);
    const { id } = node.disk.contents.life;
    return others.every(({ disk }) => {
      const seen = disk.contents.remembered[node.name];
      return seen?.id === id && seen.batches >= batches;
    });
  }

  newDisk(name: string, generation: number): MemoryDisk {
    const voters = this.#stage.plan.voters.map(nodeId);
    const configuration = { id: 1, voters, learners: [], after: slot(0) };
    const identity = { cluster: 'sim', node: name, incarnation: 1, configuration, mode: 'cluster' as const };
    return new MemoryDisk(identity, `${name}-store-${String(generation)}`);
  }
}

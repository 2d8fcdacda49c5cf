/**
 * Clones of stores: a volume with a node's log on it is snapshotted, and what the snapshot holds is started as well (D9).
 * On a machine of its own, or on another node's in the place of that node. Either way it speaks under the name that its
 * store has, and takes the connections to that name from its original (lines.ts). With the certificate of another node a
 * member does not start, and who calls that other node by its old address finds out (transport-refusals.test.ts).
 */
import type { MemoryDisk } from '../support/memory-replica-store.js';
import type { Clients } from './clients.js';
import type { Disks } from './disks.js';
import { changing } from './operations.js';
import type { PlanItem } from './plan.js';
import type { SimNode } from './sim-node.js';
import type { Stage } from './stage.js';

type Clone = Extract<PlanItem, { readonly kind: 'clone' }>;
type Making = (name: string, disk: MemoryDisk, speaksAs: string) => SimNode;

/** When somebody uses the clone, ms after its start. */
const USED_AT_MS = [50, 400, 1200];

export class Clones {
  readonly #stage: Stage;
  readonly #disks: Disks;
  readonly #clients: Clients;
  readonly #make: Making;
  /** How each that runs is ended. */
  readonly #running = new Map<string, () => Promise<void>>();
  #made = 0;

  constructor(stage: Stage, disks: Disks, clients: Clients, make: Making) {
    this.#stage = stage;
    this.#disks = disks;
    this.#clients = clients;
    this.#make = make;
  }

  async begin({ node, on, forMs }: Clone): Promise<void> {
    const kept = this.#stage.kept.get(node);
    if (kept === undefined || this.#running.has(on)) return;
    const name = this.#beside(node, kept.copy());
    if (name === null) return;
    this.#stage.tally.count(node === on ? 'store cloned beside its node' : 'store cloned to another node');
    const clone = this.#stage.node(name);
    const awaken = node === on ? undefined : await this.#putAside(this.#stage.node(on));
    this.#running.set(on, async () => {
      clone.isGone = true;
      this.#stage.clones.delete(name);
      await clone.kill();
      await awaken?.();
    });
    await clone.start();
    for (const ms of USED_AT_MS) this.#stage.later(ms, () => this.#use(name));
    this.#stage.later(forMs, () => this.#end(on));
  }

  async endAll(): Promise<void> {
    for (const on of [...this.#running.keys()]) await this.#end(on);
  }

  /** Answers the clone's name here; null: it could pass for the original. */
  #beside(node: string, disk: MemoryDisk): string | null {
    const original = this.#stage.node(node);
    if (!this.#disks.othersRemember(original, disk.contents.life.batches + 1)) return null;
    const clone = this.#make(`${node}-clone${String((this.#made += 1))}-`, disk, node);
    this.#stage.clones.set(clone.name, clone);
    return clone.name;
  }

  /** The machine runs the clone meanwhile. Answers what gives it back its own disk. */
  async #putAside(machine: SimNode): Promise<() => Promise<void>> {
    machine.isGone = true;
    await machine.kill();
    return async () => {
      machine.isGone = false;
      await machine.start();
    };
  }

  async #end(on: string): Promise<void> {
    const end = this.#running.get(on);
    this.#running.delete(on);
    await end?.();
  }

  /** It is asked to write and to read like any other node. */
  async #use(name: string): Promise<void> {
    if (!this.#stage.nodes.has(name) && !this.#stage.clones.has(name)) return;
    const operation = this.#stage.history.invoke(changing('v1', true), false);
    await Promise.all([this.#clients.append(operation, name, 0), this.#clients.read(name)]);
  }
}

/**
 * Clones of stores: a volume with a node's log on it is snapshotted, and what the snapshot holds is started as well (D9).
 * Beside the original, under its name: whatever is sent to that name reaches both. Or on another node's machine, which
 * then speaks under its own name, but with the other one's log.
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
    const name = node === on ? await this.#beside(node, kept.copy()) : await this.#inPlaceOf(on, kept.copy());
    if (name === null) return;
    for (const ms of USED_AT_MS) this.#stage.later(ms, () => this.#use(name));
    this.#stage.later(forMs, () => this.#end(on));
  }

  async endAll(): Promise<void> {
    for (const on of [...this.#running.keys()]) await this.#end(on);
  }

  /** Answers the clone's name here; null: it could pass for the original. */
  async #beside(node: string, disk: MemoryDisk): Promise<string | null> {
    const original = this.#stage.node(node);
    if (!this.#disks.othersRemember(original, disk.contents.life.batches + 1)) return null;
    this.#stage.tally.count('store cloned beside its node');
    const clone = this.#make(`${node}-clone${String((this.#made += 1))}-`, disk, node);
    this.#stage.clones.set(clone.name, clone);
    this.#running.set(node, async () => {
      clone.isGone = true;
      this.#stage.clones.delete(clone.name);
      await clone.kill();
    });
    await clone.start();
    return clone.name;
  }

  /** Its own disk is put aside meanwhile. */
  async #inPlaceOf(on: string, disk: MemoryDisk): Promise<string | null> {
    const machine = this.#stage.node(on);
    if (!this.#disks.othersRemember(machine, 1)) return null;
    this.#stage.tally.count('store cloned to another node');
    const own = machine.disk;
    const swap = async (to: MemoryDisk): Promise<void> => {
      await machine.kill();
      machine.disk = to;
      await machine.start();
    };
    this.#running.set(on, () => swap(own));
    await swap(disk);
    return on;
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

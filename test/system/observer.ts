/**
 * Whoever looks at a machine's disks, at any moment: never a mix of generations, never a name that was not committed, never a
 * view that turns back, and nothing that stands still for longer than it may.
 */
import { join } from 'node:path';
import { parsePublished } from '#src/participant/names.js';
import { Violation } from '../simulation/history.js';
import type { CommittedGeneration, Judge } from './judge.js';
import { STATE_DIRECTORY, type Machine } from './machine.js';
import type { PlacedVolume } from './world-options.js';

export class Observer {
  readonly #judge: Judge;
  readonly #volumes: readonly PlacedVolume[];
  /** By machine and group: the newest generation that its view showed since it was started. */
  readonly #shown = new Map<string, number>();

  constructor(judge: Judge, volumes: readonly PlacedVolume[]) {
    this.#judge = judge;
    this.#volumes = volumes;
  }

  look(machine: Machine): void {
    if (!machine.isUp) return;
    for (const group of namesIn(machine, join(STATE_DIRECTORY, 'views'))) this.#lookAtView(machine, group);
    for (const volume of this.#volumesOf(machine)) this.#lookAtNames(machine, volume);
    for (const { cgroup, forMs, limitMs } of machine.freezer.frozen())
      if (forMs > limitMs)
        throw new Violation('freeze', `${machine.name}: ${cgroup} stood still for ${String(forMs)} ms`);
  }

  /** What was not durable may be gone: a view may show the generation before. */
  powerLost(machine: Machine): void {
    for (const key of [...this.#shown.keys()]) if (key.startsWith(`${machine.name} `)) this.#shown.delete(key);
  }

  /** A manifest names snapshots that are there, and survive a power loss, from its commit on (M: manifest implies snapshots). */
  assertSnapshots(machines: ReadonlyMap<string, Machine>, { group, generation, manifest }: CommittedGeneration): void {
    for (const { volume, node, staged, id } of manifest.volumes) {
      const machine = machines.get(node);
      const placed = this.#volumes.find((one) => one.name === volume);
      if (machine === undefined || placed === undefined) throw new Violation('manifest', `${volume} is nowhere`);
      const names = [staged, `${group}@${String(generation)}`];
      const { world } = machine.driver;
      const images = [world.durableImage(placed.source), ...(machine.isUp ? [world.image(placed.source)] : [])];
      for (const image of images)
        if (!names.some((name) => image.entries.get(name)?.tree.id === id))
          throw new Violation(
            'manifest',
            `${group}@${String(generation)} names ${id} of ${volume}, which is not there`,
          );
    }
  }

  #lookAtView(machine: Machine, group: string): void {
    const view = join(STATE_DIRECTORY, 'views', group);
    const current = machine.files.peek(join(view, 'current'));
    if (typeof current !== 'string') return;
    const committed = this.#committed(machine, current);
    const key = `${machine.name} ${group}`;
    const before = this.#shown.get(key) ?? 0;
    if (committed.generation < before)
      throw new Violation('view', `${machine.name}: the view turned back from ${String(before)} to ${current}`);
    this.#shown.set(key, committed.generation);
    for (const { volume, node, id } of committed.manifest.volumes) {
      if (node !== machine.name) continue;
      const { source, publishDirectory } = this.#volumeOf(volume);
      const target = machine.files.peek(join(view, current, volume));
      if (target !== join(publishDirectory, current))
        throw new Violation('view', `${machine.name}: ${current} shows ${volume} as ${String(target)}`);
      const shown = machine.driver.world.image(source).entries.get(current)?.tree.id;
      if (shown !== id)
        throw new Violation(
          'mix',
          `${machine.name}: ${current} shows ${String(shown)} of ${volume}, committed was ${id}`,
        );
    }
  }

  #lookAtNames(machine: Machine, { name: volume, source }: PlacedVolume): void {
    const { entries } = machine.driver.world.image(source);
    for (const [name, entry] of entries) {
      if (parsePublished(name)?.part !== 'snapshot') continue;
      const wanted = this.#committed(machine, name).manifest.volumes.find((one) => one.volume === volume);
      if (wanted?.id !== entry?.tree.id)
        throw new Violation('publish', `${machine.name}: ${name} of ${volume} is ${String(entry?.tree.id)}`);
    }
  }

  #committed(machine: Machine, name: string): CommittedGeneration {
    const committed = this.#judge.generations.get(name);
    if (committed !== undefined) return committed;
    throw new Violation('publish', `${machine.name} shows ${name}, which was never committed`);
  }

  #volumesOf(machine: Machine): readonly PlacedVolume[] {
    return this.#volumes.filter(({ node }) => node === machine.name);
  }

  #volumeOf(name: string): PlacedVolume {
    const found = this.#volumes.find((one) => one.name === name);
    if (found === undefined) throw new Violation('manifest', `there is no volume ${name}`);
    return found;
  }
}

function namesIn(machine: Machine, directory: string): readonly string[] {
  const names = machine.files.peek(directory);
  return Array.isArray(names) ? (names as readonly string[]) : [];
}

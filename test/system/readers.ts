/** What `open` answered must be one whole generation, at least as new as any that was committed when it was asked. */
import { basename } from 'node:path';
import type { Opened } from '#src/coordinator/open.js';
import { Violation } from '../simulation/history.js';
import type { Machine } from './machine.js';
import type { SystemWorld } from './system-world.js';

export function assertOpened(machine: Machine, { record, volumes }: Opened, newest: number, world: SystemWorld): void {
  const key = `${record.group}@${String(record.generation)}`;
  if (record.generation < newest)
    throw new Violation('reader', `${machine.name} opened ${key}, and ${String(newest)} was committed before`);
  const committed = world.judge.generations.get(key);
  if (committed === undefined)
    throw new Violation('reader', `${machine.name} opened ${key}, which was never committed`);
  for (const { volume, node, id } of committed.manifest.volumes) {
    const opened = volumes[volume];
    if (opened?.node !== node) throw new Violation('reader', `${machine.name} opened ${key} without ${volume}`);
    if (opened.path === null) continue;
    const placed = world.volumes.find(({ name }) => name === volume);
    const shown = machine.driver.world.image(placed?.source ?? '').entries.get(basename(opened.path))?.tree.id;
    if (shown !== id)
      throw new Violation('reader', `${machine.name} opened ${key}, whose ${volume} is ${String(shown)}`);
  }
}

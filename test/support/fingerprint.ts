/**
 * What a refused command may not change: the log, the publish directories, the live trees and the state directory's
 * rooms. Two fingerprints are compared as a whole.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { openNode } from '#src/index.js';
import type { World } from './world.js';

export interface Fingerprint {
  /** What stands where: a path, and what tells one thing there from another. */
  readonly entries: readonly string[];
  /** The log's last slot; null where an aborted transaction may stand in it. */
  readonly lastSlot: number | null;
}

/** `begun`: a transaction may be begun and aborted in between, which leaves two entries in the log and a stamp. */
export async function fingerprint(
  world: World,
  begun: 'nothing begun' | 'begun' = 'nothing begun',
): Promise<Fingerprint> {
  const node = await openNode({ stateDirectory: world.stateDirectory });
  try {
    const { log, groups, frozen } = await node.status();
    const rooms = ['views', 'freeze', 'owed'].flatMap((room) => below(join(world.stateDirectory, room)));
    const volumes = world.volumes.flatMap(({ mount, publish, live }) => [
      ...readdirSync(mount).map((name) => join(mount, name)),
      ...directly(publish),
      `${live} ${String(lstatSync(live).ino)} ${readFileSync(join(live, 'marker'), 'utf8')}`,
    ]);
    const entries = [...rooms, ...volumes, JSON.stringify([await node.volumes(), groups, frozen])];
    if (begun === 'nothing begun') return { entries, lastSlot: log.lastSlot };
    return { entries: entries.filter((entry) => !entry.includes('/.stamp -> ')), lastSlot: null };
  } finally {
    node.close();
  }
}

function directly(directory: string): readonly string[] {
  return readdirSync(directory)
    .sort()
    .map((name) => described(join(directory, name)));
}

function below(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((name) => described(join(directory, name)));
}

function described(path: string): string {
  const found = lstatSync(path);
  if (found.isSymbolicLink()) return `${path} -> ${readlinkSync(path)}`;
  return `${path} ${String(found.ino)} ${found.isDirectory() ? 'directory' : String(found.size)}`;
}

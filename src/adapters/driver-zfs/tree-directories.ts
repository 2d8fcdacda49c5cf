/**
 * The directories that trees are mounted on. One is made before its tree and outlives it where somebody died in between, or where
 * a boot had not mounted what was exchanged: `zfs unmount` takes it away otherwise.
 */
import { mkdir, rmdir } from 'node:fs/promises';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf } from './failures.js';
import type { Family } from './family.js';
import { lastComponent } from './names.js';
import { treeComponents, treePath } from './site.js';

/** It is somebody's after all, or is gone, or may not be removed by who only looks. */
const LEFT_ALONE: readonly string[] = ['ENOENT', 'EBUSY', 'ENOTEMPTY', 'EEXIST', 'EACCES', 'EPERM', 'EROFS'];

/** Unless it is there. Not durable until the publish directory is synced. */
export async function makeTreeDirectory(volume: VolumePlace, component: string): Promise<void> {
  await mkdir(treePath(volume, component)).catch((failure: unknown) => {
    if (errnoOf(failure) !== 'EEXIST') throw failure;
  });
}

/** Removes those that no tree of `family` has. Call under the volume's lock: whoever makes a tree has it, too. */
export async function sweepTreeDirectories(volume: VolumePlace, family: Family): Promise<void> {
  const trees = new Set(family.trees.map(({ name }) => lastComponent(name)));
  for (const component of await treeComponents(volume)) {
    if (trees.has(component)) continue;
    await rmdir(treePath(volume, component)).catch((failure: unknown) => {
      if (!LEFT_ALONE.includes(errnoOf(failure))) throw failure;
    });
  }
}

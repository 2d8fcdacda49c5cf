/**
 * Where a volume is: the dataset that is mounted at its source, and the small dataset of ours that is mounted at its
 * publish directory (its **place**). Both are read from the table of mounts each time, so that a dataset or pool that was
 * renamed is found again; what they are is told by guid.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { mountsAt, readMounts, type Mount } from '../../native/mountinfo.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf, translated } from './failures.js';
import { isTreeComponent, lastComponent } from './names.js';

/** The dataset that a mount shows whole; null for anything else. */
export function datasetOfMount(mount: Mount | undefined): string | null {
  if (mount?.type !== 'zfs' || mount.root !== '/' || mount.source.includes('@')) return null;
  return mount.source;
}

/** The dataset that is mounted at `path` and visible there. */
export function datasetAt(path: string, mounts: readonly Mount[] = readMounts('self')): string | null {
  return datasetOfMount(mountsAt(mounts, path)[0]);
}

/** The dataset that programs see at the live path. @throws VOLUME_UNAVAILABLE where none is mounted there. */
export function liveDataset(volume: VolumePlace): string {
  const dataset = datasetAt(volume.source);
  if (dataset !== null) return dataset;
  throw new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `volume ${volume.name}: no ZFS dataset is mounted at ${volume.source}; import its pool (zpool import), load its key ` +
      `if it is encrypted (zfs load-key), and mount it (zfs mount -a); where it is mounted elsewhere now, say so: snapcommit volume move ${volume.name} --source DIR`,
    { volume: volume.name, path: volume.source },
  );
}

/** The dataset of ours at the publish directory. @throws VOLUME_UNAVAILABLE where none is mounted there. */
export function placeDataset(volume: VolumePlace): string {
  const dataset = datasetAt(volume.publishDirectory);
  if (dataset !== null) return dataset;
  throw new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `volume ${volume.name} (${volume.source}): the dataset of its publish directory ${volume.publishDirectory} is not ` +
      'mounted; import its pool, and mount it (zfs mount -a)',
    { volume: volume.name, path: volume.publishDirectory },
  );
}

/** Whether what is mounted at a live path is a tree of ours, which an interrupted exchange has not given its name yet. */
export function isTree(dataset: string): boolean {
  return isTreeComponent(lastComponent(dataset));
}

/** The mount points of the trees in a publish directory: a tree has its directory there before it is made. */
export async function treeComponents(volume: VolumePlace): Promise<readonly string[]> {
  const names = await translated(volume, 'list', volume.publishDirectory, () => readdir(volume.publishDirectory));
  return names.filter((name) => isTreeComponent(name));
}

export function treePath(volume: VolumePlace, component: string): string {
  return join(volume.publishDirectory, component);
}

export function isGone(failure: unknown): boolean {
  return ['ENOENT', 'ENOTDIR', 'ESTALE'].includes(errnoOf(failure));
}

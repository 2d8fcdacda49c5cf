/** A committed generation's trees on their volumes: found by identity, swapped, and given their names. Call under the volumes' locks. */
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import type { GenerationRecord } from '../machine/state.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { allDone } from './all-done.js';
import { publishedName, replacedName } from './names.js';

/** A generation's tree on one volume. */
export interface Tree {
  readonly place: VolumeRecord;
  readonly record: GenerationRecord;
  readonly volume: ManifestVolume;
}

/** Where the snapshot that the manifest names stands. @throws VOLUME_UNAVAILABLE when it is neither here nor there. */
export async function findSnapshot(driver: VolumeDriver, tree: Tree): Promise<'published' | 'staged'> {
  const { place, record, volume } = tree;
  const name = publishedName(record.group, record.generation);
  // side by side, which a driver may answer at once
  const [published = null, staged = null] = await allDone([
    driver.lookup(place, name),
    driver.lookup(place, volume.staged),
  ]);
  if (published?.id === volume.id) return 'published';
  if (published !== null) throw foreignSnapshot(tree, name, published.id);
  if (staged?.id === volume.id) return 'staged';
  throw staged === null ? goneSnapshot(tree) : foreignSnapshot(tree, volume.staged, staged.id);
}

/** Exchanges the live tree with the clone and gives the replaced tree its name. Never under an `exec` (T9). */
export async function swapLive(driver: VolumeDriver, { place, record, volume: { swap } }: Tree): Promise<void> {
  if (swap === null) return;
  const replaced = replacedName(record.group, record.generation);
  if ((await driver.lookup(place, replaced)) !== null) return;
  await driver.exchange(place, swap.cloneName, swap);
  crashPoint('publish.before-replaced');
  await driver.rename(place, swap.cloneName, replaced);
}

/** Gives staged snapshots their names: those of a pool in one call, so that all have them or none. */
export async function renameStaged(driver: VolumeDriver, trees: readonly Tree[]): Promise<void> {
  if (trees.length === 0) return;
  const moves = trees.map(({ place, record, volume }) => ({
    volume: place,
    from: volume.staged,
    to: publishedName(record.group, record.generation),
  }));
  crashPoint('publish.before-rename');
  if (driver.pools !== null) await driver.pools.rename(moves);
  else for (const { volume, from, to } of moves) await driver.rename(volume, from, to);
  crashPoint('publish.after-rename');
}

/** A later capture is published without it; a swap is in the way of everything that comes after it. */
function goneSnapshot({ place, record, volume }: Tree): SnapcommitError {
  const advice =
    volume.swap === null
      ? `Unless it comes back nobody gets this generation here; \`snapcommit commit ${record.group}\` makes another one, which does not wait for it`
      : `Where it does not come back, \`snapcommit volume forfeit ${place.name}\` lets its groups go on without the volume`;
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `the snapshot ${join(place.publishDirectory, volume.staged)} of volume ${place.name} is gone; another tool may have deleted it. ${advice}`,
    { volume: place.name, name: volume.staged, wanted: volume.id, found: null },
  );
}

function foreignSnapshot({ place, volume }: Tree, name: string, found: string | null): SnapcommitError {
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `${join(place.publishDirectory, name)} is not the snapshot that was committed (found ${found ?? 'none'}, wanted ${volume.id})`,
    { volume: place.name, name, wanted: volume.id, found },
  );
}

/**
 * Deleting what the participant renamed to trash. One sync makes all of it durable: without it a deleted subvolume can
 * be back after a power loss. Nothing is followed and nothing outside of the publish directory is touched.
 */
import { lstat, rmdir, unlink } from 'node:fs/promises';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { deleteSubvolume, isReadOnly, isSubvolume, nestedSubvolumes, setReadOnly } from '../../native/btrfs.js';
import { syncDirectory } from '../../native/sync.js';
import { entryName } from '../../participant/names.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import {
  driverError,
  entryPath,
  errnoOf,
  translated,
  withDirectory,
  withPublishDirectory,
  type OpenPlace,
} from './place.js';

export async function remove(volume: VolumePlace, names: readonly string[]): Promise<void> {
  for (const name of names) entryName(volume, name);
  crashPoint('remove.before');
  const failures: SnapcommitError[] = [];
  await translated(volume, 'delete from', volume.publishDirectory, 'UNAVAILABLE', () =>
    withPublishDirectory(volume, async (open) => {
      for (const name of names) {
        const failure = await removeOne(volume, open, name);
        if (failure !== null) failures.push(failure);
        crashPoint('remove.after-first');
      }
      await syncDirectory(open.here);
    }),
  );
  crashPoint('remove.after');
  const [first] = failures;
  if (first !== undefined) throw first;
}

/** Answers its failure: somebody's use of one tree must not keep the others. */
async function removeOne(volume: VolumePlace, open: OpenPlace, name: string): Promise<SnapcommitError | null> {
  const path = open.path(name);
  try {
    const found = await lstat(path);
    if (!found.isDirectory()) await unlink(path);
    else if (await withDirectory(path, isSubvolume)) await removeSubvolume(open, name);
    else await rmdir(path);
    return null;
  } catch (failure) {
    return errnoOf(failure) === 'ENOENT' ? null : removalError(volume, entryPath(volume, name), failure);
  }
}

async function removeSubvolume(open: OpenPlace, name: string): Promise<void> {
  const path = open.path(name);
  await withDirectory(path, async (fd) => {
    // the user's command may have made subvolumes in its clone; they cannot be unlinked from a read-only one
    const nested = nestedSubvolumes(fd, path, 1, () => false).length > 0;
    if (nested && isReadOnly(fd, path)) await setReadOnly(fd, false, path);
  });
  await deleteSubvolume(open.fd, name);
}

const IN_USE: Readonly<Record<string, string>> = {
  ENOTEMPTY: 'is a directory with files that are not ours',
  EBUSY: 'is mounted somewhere; unmount it',
};

function removalError(volume: VolumePlace, path: string, failure: unknown): SnapcommitError {
  const errno = errnoOf(failure);
  const byRoot = errno === 'EPERM' && process.geteuid?.() === 0;
  const why = byRoot
    ? 'is read by a `btrfs send`, holds an active swap file, or is the default subvolume of its filesystem; end that'
    : IN_USE[errno];
  if (why === undefined) return driverError(volume, 'delete', path, failure, 'UNAVAILABLE');
  const message = `volume ${volume.name}: ${path} was not deleted, it ${why}, then try again`;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, path }, failure);
}

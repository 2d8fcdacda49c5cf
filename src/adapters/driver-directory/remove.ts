/**
 * Deleting entries of a publish directory, never following a symlink out of it and never through a mount. The identity
 * goes first, durably, so that what a crash leaves of an entry can never be taken for a snapshot.
 */
import { constants, type Stats } from 'node:fs';
import { chmod, lstat, open, rmdir, unlink, type FileHandle } from 'node:fs/promises';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { childPath, handlePath, openDirectory, readNames } from '../../native/at.js';
import { removeDurably } from '../../native/durable-file.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf, isMissing, volumeFailure } from './failures.js';
import { entryPaths } from './layout.js';
import { mountsBelow, readMounts } from './mounts-below.js';
import { withoutProtection } from './protected.js';
import { withPublishDirectory } from './publish-directory.js';

/** Linux: a descriptor that stands for a file without opening it, so that a mode can be mended without any right. */
const O_PATH = 0o10000000;
const OWNER_ALL = 0o700;

export async function removeEntries(volume: VolumePlace, names: readonly string[]): Promise<void> {
  const entries = names.map((name) => ({ name, shown: entryPaths(volume, name).wrapper }));
  crashPoint('remove.before');
  await withPublishDirectory(volume, 'UNAVAILABLE', async (publish, place) => {
    for (const [index, { name, shown }] of entries.entries()) {
      await removeEntry(place, name, shown).catch((error: unknown) => {
        throw volumeFailure(volume.name, shown, error, 'UNAVAILABLE');
      });
      if (index === 0) crashPoint('remove.after-first');
    }
    await publish.sync().catch((error: unknown) => {
      throw volumeFailure(volume.name, volume.publishDirectory, error, 'UNAVAILABLE');
    });
  });
  crashPoint('remove.after');
}

/**
 * Removes one entry, whether it is whole or not. Not durable, except that it is no snapshot any more. `volume`: as seen from
 * its open publish directory; `shown` names the entry in errors.
 */
export async function removeEntry(volume: VolumePlace, name: string, shown: string): Promise<void> {
  const { wrapper, identity } = entryPaths(volume, name);
  const status = await lstat(wrapper).catch(whenMissing);
  if (status === null) return;
  if (!status.isDirectory()) {
    await unlink(wrapper);
    return;
  }
  await refuseMounted(volume, shown);
  await removeDurably(identity);
  await removeDirectory(Buffer.from(wrapper), shown);
}

async function refuseMounted(volume: VolumePlace, wrapper: string): Promise<void> {
  const mounted = (await readMounts()).map((mount) => mount.path).filter((path) => path === wrapper);
  const inside = [...mounted, ...mountsBelow(await readMounts(), wrapper)];
  if (inside.length === 0) return;
  throw new SnapcommitError(
    'IN_USE',
    `volume ${volume.name}: ${inside.join(', ')} is mounted inside what is to be deleted; unmount it and retry`,
    {
      volume: volume.name,
      mounts: inside,
    },
  );
}

/** `text` names it in errors. */
async function removeDirectory(path: Buffer, text: string): Promise<void> {
  const directory = await openForRemoval(path);
  try {
    for (const name of await readNames(directory))
      await removeName(directory, childPath(directory, name.bytes), `${text}/${name.text}`);
  } finally {
    await directory.close();
  }
  await rmdir(path);
}

async function removeName(directory: FileHandle, path: Buffer, text: string): Promise<void> {
  const status = await lstat(path).catch(whenMissing);
  if (status === null) return;
  try {
    await removeOne(directory, path, status, text);
  } catch (error) {
    if (isMissing(error) || error instanceof SnapcommitError) {
      if (isMissing(error)) return;
      throw error;
    }
    const errno = errnoOf(error);
    throw new SnapcommitError(
      'UNAVAILABLE',
      `${text} could not be deleted (${errno}); see to it${errno === 'EPERM' ? ' (lsattr, chattr -i -a)' : ''}, then run snapcommit recover`,
      { path: text, errno },
      error,
    );
  }
}

/** Where it, or what it is in, is immutable or append-only, that is taken away first. */
async function removeOne(directory: FileHandle, path: Buffer, status: Stats, text: string): Promise<void> {
  const remove = async (): Promise<void> => {
    if (!status.isDirectory()) await unlink(path);
    else if (status.dev === (await directory.stat()).dev) await removeDirectory(path, text);
    else throw Object.assign(new Error('is another filesystem'), { code: 'EXDEV' });
  };
  try {
    await remove();
  } catch (error) {
    if (errnoOf(error) !== 'EPERM' || !(await withoutProtection(directory, path, remove))) throw error;
  }
}

/** Opens a directory whose content is to go; gives its owner the rights that this takes. */
async function openForRemoval(path: Buffer): Promise<FileHandle> {
  const handle = await open(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const mode = (await handle.stat()).mode & 0o7777;
    if ((mode & OWNER_ALL) !== OWNER_ALL) await chmod(handlePath(handle), mode | OWNER_ALL);
  } finally {
    await handle.close();
  }
  return openDirectory(path);
}

function whenMissing(error: unknown): null {
  if (isMissing(error)) return null;
  throw error;
}

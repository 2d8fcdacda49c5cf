/**
 * The publish directory, open. Whoever may write to a directory above it can lead its path elsewhere at any moment, and
 * root would change what stands there. So what makes, exchanges or deletes opens it once and goes on from the descriptor.
 * It belongs to us or to root: whoever owns it could do the same with the names in it.
 */
import { mkdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import { childPath, handlePath, openDirectory, openTrusted } from '../../native/at.js';
import { syncDirectory } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf, isMissing, volumeFailure } from './failures.js';
import { treeIdentity } from './identity.js';

/** Readers who are not root follow published paths. */
const MODE = 0o755;

/** `place`: the volume as seen from the descriptor, for paths that are used and not shown. Valid while `act` runs. */
export async function withPublishDirectory<T>(
  volume: VolumePlace,
  otherwise: ErrorCode,
  act: (publish: FileHandle, place: VolumePlace) => Promise<T>,
): Promise<T> {
  const path = volume.publishDirectory;
  const publish = await openTrusted(path).catch((error: unknown) => {
    if (errnoOf(error) === 'ELOOP') throw ledAway(volume);
    throw volumeFailure(volume.name, path, error, otherwise);
  });
  try {
    await refuseForeign(volume, publish, path);
    return await act(publish, { ...volume, publishDirectory: handlePath(publish) });
  } finally {
    await publish.close();
  }
}

function ledAway({ name, publishDirectory }: VolumePlace): SnapcommitError {
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `volume ${name}: ${publishDirectory} leads through a symbolic link that others could have made; put the directory itself back there`,
    { volume: name, path: publishDirectory },
  );
}

export async function refuseForeign(volume: VolumePlace, directory: FileHandle, path: string): Promise<void> {
  const { uid } = await directory.stat();
  if (uid === 0 || uid === process.geteuid?.()) return;
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `volume ${volume.name}: ${path} belongs to user ${String(uid)}, who could replace what is published there; change its owner (chown), or run snapcommit as that user`,
    { volume: volume.name, path, owner: uid },
  );
}

/** Makes the publish directory and what is missing above it. Durable when it resolves. */
export async function makePublishDirectory(volume: VolumePlace): Promise<void> {
  const missing: string[] = [];
  let path = volume.publishDirectory;
  for (; !(await isDirectory(path)); path = dirname(path)) missing.unshift(basename(path));
  let last = await openTrusted(path);
  const opened = [last];
  try {
    for (const name of missing) {
      last = await makeDirectory(last, name);
      opened.push(last);
    }
    await refuseForeign(volume, last, volume.publishDirectory);
    // also where it stood already: whoever made it may have crashed before the sync
    if (missing.length === 0) await syncDirectory(dirname(path));
    for (const directory of opened) await directory.sync();
  } finally {
    for (const directory of opened) await directory.close();
  }
}

async function makeDirectory(parent: FileHandle, name: string): Promise<FileHandle> {
  const path = childPath(parent, name);
  await mkdir(path).catch((error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
  });
  const made = await openDirectory(path);
  try {
    // whatever our umask
    await made.chmod(MODE);
    return made;
  } catch (error) {
    await made.close();
    throw error;
  }
}

/** Makes the directory of an entry. EEXIST where the name is taken. */
export async function makeWrapper(volume: VolumePlace, publish: FileHandle, name: string): Promise<FileHandle> {
  const path = childPath(publish, name);
  await mkdir(path, { mode: MODE });
  const wrapper = await openDirectory(path);
  try {
    await refuseForeign(volume, wrapper, name);
    await wrapper.chmod(MODE);
    return wrapper;
  } catch (error) {
    await wrapper.close();
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    await treeIdentity(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Making the publish directory: an ordinary directory, by default in a subvolume `.snapcommit` beside the source. */
import { mkdir, type FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { childPath, openTrusted, setModeOfOwn } from '../../native/at.js';
import { createSubvolume } from '../../native/btrfs.js';
import { syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf, HIDDEN_DIRECTORY, translated, withLive } from './place.js';

/** Readers who are not root follow published paths. */
const MODE = 0o755;

export async function prepare(volume: VolumePlace): Promise<void> {
  await withLive(volume, 'look at', () => undefined);
  const directory = volume.publishDirectory;
  await translated(volume, 'make the publish directory', directory, 'UNAVAILABLE', async () => {
    const parent = dirname(directory);
    if (basename(parent) === HIDDEN_DIRECTORY)
      await makeIn(volume, parent, (above) => createSubvolume(above.fd, HIDDEN_DIRECTORY));
    await makeIn(volume, directory, (above) => mkdir(childPath(above, basename(directory)), { mode: MODE }));
    // making a subvolume is not durable on return, and neither is the fsync of its parent known to make it so
    await syncFilesystem(directory);
  });
}

/** Makes `path` in the directory above it, which nobody leads elsewhere meanwhile. */
async function makeIn(volume: VolumePlace, path: string, make: (above: FileHandle) => Promise<unknown>): Promise<void> {
  const above = await openTrusted(dirname(path));
  try {
    await existing(make(above));
    await openToReaders(volume, path, childPath(above, basename(path)).toString());
  } finally {
    await above.close();
  }
}

async function existing(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (failure) {
    if (errnoOf(failure) !== 'EEXIST') throw failure;
  }
}

/** Whoever owns the directory can delete or replace what we publish in it. */
async function openToReaders(volume: VolumePlace, path: string, here: string): Promise<void> {
  if (await setModeOfOwn(here, MODE)) return;
  const message = `volume ${volume.name}: ${path} is not a directory of root's or of the user who runs snapcommit; move it away`;
  throw new SnapcommitError('SOURCE_INVALID', message, { volume: volume.name, path });
}

/** Making the publish directory: an ordinary directory, by default in a subvolume `.snapcommit` beside the source. */
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { setModeOfOwn } from '../../native/at.js';
import { createSubvolume } from '../../native/btrfs.js';
import { syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf, HIDDEN_DIRECTORY, translated, withDirectory, withLive } from './place.js';

/** Readers who are not root follow published paths. */
const MODE = 0o755;

export async function prepare(volume: VolumePlace): Promise<void> {
  await withLive(volume, 'look at', () => undefined);
  const directory = volume.publishDirectory;
  await translated(volume, 'make the publish directory', directory, 'UNAVAILABLE', async () => {
    const parent = dirname(directory);
    if (basename(parent) === HIDDEN_DIRECTORY) await makeHidden(volume, dirname(parent));
    await existing(mkdir(directory, { mode: MODE }));
    await openToReaders(volume, directory);
    // making a subvolume is not durable on return, and neither is the fsync of its parent known to make it so
    await syncFilesystem(directory);
  });
}

async function makeHidden(volume: VolumePlace, parent: string): Promise<void> {
  const hidden = join(parent, HIDDEN_DIRECTORY);
  await existing(withDirectory(parent, (fd) => createSubvolume(fd, HIDDEN_DIRECTORY)));
  await openToReaders(volume, hidden);
}

async function existing(made: Promise<unknown>): Promise<void> {
  try {
    await made;
  } catch (failure) {
    if (errnoOf(failure) !== 'EEXIST') throw failure;
  }
}

/** Whoever owns the directory can delete or replace what we publish in it. */
async function openToReaders(volume: VolumePlace, path: string): Promise<void> {
  if (await setModeOfOwn(path, MODE)) return;
  const message = `volume ${volume.name}: ${path} is not a directory of root's or of the user who runs snapcommit; move it away`;
  throw new SnapcommitError('SOURCE_INVALID', message, { volume: volume.name, path });
}

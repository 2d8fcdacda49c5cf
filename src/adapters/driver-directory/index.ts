/**
 * The directory driver: volumes on any filesystem, without root. A snapshot is a copy (sharing content where the
 * filesystem can), so it is no single point in time while writers run, and nothing but its digest protects it.
 *
 * Not copied: sockets (counted in the identity file), SELinux labels, attributes that filesystems invent, flags besides those
 * that protect (protected.ts), project ids. A file whose owner this user could not keep, and a device node without root, fail
 * the copy by name.
 */
import { readdir, statfs } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { renameNoReplace } from '../../native/rename.js';
import { syncFilesystem } from '../../native/sync.js';
import type { FreeSpace, Listed, VolumeDriver, VolumePlace } from '../../ports/volume-driver.js';
import { makeClone, makeSnapshot } from './entries.js';
import { exchangeTrees } from './exchange.js';
import { errnoOf, isMissing, volumeFailure } from './failures.js';
import { lookupEntry, readIdentity, treeIdentity } from './identity.js';
import { entryPaths } from './layout.js';
import { changedPaths } from './listing.js';
import { makePublishDirectory, withPublishDirectory } from './publish-directory.js';
import { removeEntries } from './remove.js';
import { checkSource, inspectSource } from './source.js';
import { verifySnapshot } from './verify.js';

export function createDirectoryDriver(): VolumeDriver {
  return {
    name: 'directory',
    capabilities: { pointInTime: false, readOnly: false },
    inspect: inspectSource,
    prepare,
    freeSpace,
    flush: (volume) => withPath(volume, volume.source, () => syncFilesystem(volume.source)),
    live: async (volume, asItStands = false) => ({
      id: await withPath(volume, volume.source, async () =>
        treeIdentity(asItStands ? volume.source : await checkSource(volume.name, volume.source)),
      ),
      readOnly: false,
    }),
    stage: (volume, name) => makeSnapshot(volume, volume.source, name),
    openStage: null,
    pools: null,
    nesting: null,
    clone: async (volume, name, from) =>
      from === null
        ? makeClone(volume, volume.source, name, true)
        : makeClone(volume, entryPaths(volume, from).tree, name, false),
    seal: async (volume, cloneName, name) => makeSnapshot(volume, entryPaths(volume, cloneName).tree, name),
    rename: renameEntry,
    sync: (volume) =>
      withPath(volume, volume.publishDirectory, () =>
        withPublishDirectory(volume, 'UNAVAILABLE', (publish) => publish.sync()),
      ),
    lookup: (volume, name) => withPath(volume, volume.publishDirectory, () => lookupEntry(volume, name)),
    list,
    path: (volume, name) => entryPaths(volume, name).tree,
    setLiveReadOnly: () => Promise.resolve(),
    changedSince,
    exchange: exchangeTrees,
    remove: removeEntries,
    verifyContent: async (volume, name) =>
      withPath(volume, entryPaths(volume, name).wrapper, () => verifySnapshot(volume, name)),
    doubts: null,
  };
}

/** Turns what the operating system refuses at `path` into an error that names it. */
async function withPath<T>(volume: VolumePlace, path: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw volumeFailure(volume.name, path, error, 'UNAVAILABLE');
  }
}

async function prepare(volume: VolumePlace): Promise<void> {
  await withPath(volume, volume.publishDirectory, async () => {
    await treeIdentity(volume.source);
    await makePublishDirectory(volume);
  });
}

async function freeSpace(volume: VolumePlace): Promise<FreeSpace> {
  await withPath(volume, volume.source, () => treeIdentity(volume.source));
  const status = await withPath(volume, volume.publishDirectory, () => statfs(volume.publishDirectory));
  const dataBytes = status.bavail * status.bsize;
  return { dataBytes, metadataBytes: dataBytes };
}

async function renameEntry(volume: VolumePlace, from: string, to: string): Promise<'renamed' | 'absent'> {
  const [source, target] = [entryPaths(volume, from).wrapper, entryPaths(volume, to).wrapper];
  try {
    return await withPublishDirectory(volume, 'UNAVAILABLE', (_, place) => renameIn(place, from, to));
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') {
      throw new SnapcommitError(
        'EXISTS',
        `volume ${volume.name}: ${target} exists already, so ${from} was not renamed to it`,
        {
          volume: volume.name,
          name: to,
        },
      );
    }
    throw volumeFailure(volume.name, source, error, 'UNAVAILABLE');
  }
}

async function renameIn(place: VolumePlace, from: string, to: string): Promise<'renamed' | 'absent'> {
  try {
    await renameNoReplace(entryPaths(place, from).wrapper, entryPaths(place, to).wrapper);
    return 'renamed';
  } catch (error) {
    if (isMissing(error)) return 'absent';
    throw error;
  }
}

async function list(volume: VolumePlace): Promise<readonly Listed[]> {
  return withPath(volume, volume.publishDirectory, async () => {
    const names = await readdir(volume.publishDirectory);
    const entries = await Promise.all(names.sort().map((name) => lookupEntry(volume, name)));
    return entries.filter((entry) => entry !== null);
  });
}

async function changedSince(volume: VolumePlace, cloneName: string, limit: number): Promise<readonly string[]> {
  const paths = entryPaths(volume, cloneName);
  const identity = await readIdentity(paths.identity);
  if (identity === null) {
    throw new SnapcommitError(
      'VOLUME_UNAVAILABLE',
      `volume ${volume.name}: the clone ${paths.wrapper} is gone or was never whole`,
      {
        volume: volume.name,
        name: cloneName,
      },
    );
  }
  if (!identity.ofLive) return [];
  return withPath(volume, volume.source, () =>
    changedPaths(volume.source, paths.listing, identity.digest === null ? null : paths.index, limit),
  );
}

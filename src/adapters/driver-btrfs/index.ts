/**
 * The btrfs driver: snapshots are subvolumes, identities their UUIDs. This file puts the parts together; each part
 * stands in its own file. Nothing here parses the output of the btrfs command.
 */
import { statfs } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { isReadOnly, isSubvolume, setReadOnly } from '../../native/btrfs.js';
import { metadataFree } from '../../native/btrfs-space.js';
import { syncFilesystemOf } from '../../native/sync.js';
import type { FreeSpace, VolumeDriver, VolumePlace } from '../../ports/volume-driver.js';
import { changedSince } from './changes.js';
import { exchange } from './exchange.js';
import { inspect, live } from './inspect.js';
import { entryPath, errnoOf, withDirectory, withLive } from './place.js';
import { prepare } from './prepare.js';
import { remove } from './remove.js';
import { obstacleAside } from './site.js';
import { clone, list, lookup, rename, seal, sync } from './snapshots.js';
import { openStage, stage } from './stage.js';
import { doubts } from './written.js';

export function createBtrfsDriver(): VolumeDriver {
  return {
    name: 'btrfs',
    capabilities: { pointInTime: true, readOnly: true },
    inspect,
    prepare,
    freeSpace,
    flush: (volume) => withLive(volume, 'flush', (fd) => syncFilesystemOf(fd, volume.source)),
    live,
    stage,
    openStage,
    pools: null,
    nesting: null,
    clone,
    seal,
    rename,
    sync,
    lookup,
    list,
    path: entryPath,
    setLiveReadOnly,
    changedSince,
    exchange,
    remove,
    // the kernel keeps snapshots read-only and checksums their data
    verifyContent: () => Promise.resolve([]),
    doubts,
  };
}

/** Whether `path` is the root of a btrfs subvolume; false where it does not exist. DEPENDENCY_MISSING without libbtrfsutil. */
export async function isBtrfsSubvolume(path: string): Promise<boolean> {
  try {
    return await withDirectory(path, isSubvolume);
  } catch (failure) {
    if (['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'].includes(errnoOf(failure))) return false;
    throw failure;
  }
}

function freeSpace(volume: VolumePlace): Promise<FreeSpace> {
  return withLive(volume, 'ask for the free space of', async (fd) => {
    const { bavail, bsize } = await statfs(volume.source);
    return { dataBytes: bavail * bsize, metadataBytes: metadataFree(fd, volume.source) };
  });
}

function setLiveReadOnly(volume: VolumePlace, readOnly: boolean): Promise<void> {
  return withLive(volume, readOnly ? 'make read-only' : 'make writable', async (fd) => {
    const reason = readOnly ? await obstacleAside(volume) : null;
    if (reason !== null)
      throw new SnapcommitError('EXISTS', `volume ${volume.name} cannot be exchanged: ${reason}`, {
        volume: volume.name,
      });
    if (isReadOnly(fd, volume.source) !== readOnly) await setReadOnly(fd, readOnly, volume.source);
  });
}

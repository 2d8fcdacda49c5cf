/**
 * The ZFS driver: snapshots are ZFS's, identities their guids, and everything is done by `zfs` and `zpool` (2.1 and later).
 * This file puts the parts together; each part stands in its own file.
 */
import { statfs } from 'node:fs/promises';
import { syncFilesystem } from '../../native/sync.js';
import type { CommandRunner } from '../../ports/commands.js';
import type { FreeSpace, VolumeDriver, VolumePlace } from '../../ports/volume-driver.js';
import { changedSince } from './changes.js';
import { createZfsCommands, type ZfsCommands } from './command.js';
import { list, lookup, rename, sync } from './entries.js';
import { exchange } from './exchange.js';
import { meaningOf, translated } from './failures.js';
import { inspect, live } from './inspect.js';
import { entryPath } from './links.js';
import { poolOf } from './names.js';
import { nesting } from './nesting.js';
import { poolCalls } from './pools.js';
import { prepare } from './prepare.js';
import { setLiveReadOnly } from './readonly.js';
import { remove } from './remove.js';
import { datasetAt, liveDataset, placeDataset } from './site.js';
import { stage } from './stage.js';
import { clone, seal } from './trees.js';

export function createZfsDriver(runner: CommandRunner): VolumeDriver {
  const commands = createZfsCommands(runner);
  return {
    name: 'zfs',
    capabilities: { pointInTime: true, readOnly: true },
    nesting: nesting(commands),
    inspect: (...args) => inspect(commands, ...args),
    prepare: (volume) => prepare(commands, volume),
    freeSpace,
    flush: (volume) => flush(commands, volume),
    live: (volume, asItStands) => live(commands, volume, asItStands),
    stage: (volume, name) => stage(commands, volume, name),
    openStage: null,
    pools: poolCalls(commands),
    clone: (volume, name, from) => clone(commands, volume, name, from),
    seal: (volume, cloneName, name) => seal(commands, volume, cloneName, name),
    rename: (volume, from, to) => rename(commands, volume, from, to),
    sync,
    lookup: (volume, name) => lookup(commands, volume, name),
    list: (volume) => list(commands, volume),
    path: entryPath,
    setLiveReadOnly: (volume, readOnly) => setLiveReadOnly(commands, volume, readOnly),
    changedSince: (volume, cloneName, limit) => changedSince(commands, volume, cloneName, limit),
    exchange: (volume, cloneName, identities) => exchange(commands, volume, cloneName, identities),
    remove: (volume, names) => remove(commands, volume, names),
    // the kernel keeps snapshots read-only and checksums their data
    verifyContent: () => Promise.resolve([]),
    doubts: null,
  };
}

/** Whether a ZFS dataset is mounted at `path`. */
export function isZfsMountPoint(path: string): boolean {
  return datasetAt(path) !== null;
}

/** Whether there is a dataset of this name; false also where ZFS is not installed. */
export async function isDataset(runner: CommandRunner, name: string): Promise<boolean> {
  if (!/^[A-Za-z][-A-Za-z0-9_.: /]*$/.test(name)) return false;
  try {
    await createZfsCommands(runner).zfs(['get', '-H', '-p', '-o', 'value', 'type', name]);
    return true;
  } catch (failure) {
    if (failure instanceof Error && 'code' in failure && failure.code === 'DEPENDENCY_MISSING') return false;
    if (meaningOf(failure) === 'absent' || meaningOf(failure) === 'missing') return false;
    throw failure;
  }
}

async function freeSpace(volume: VolumePlace): Promise<FreeSpace> {
  const dataset = liveDataset(volume);
  // asked before anything is written there: what lies beneath a dataset that is not mounted is nobody's publish directory
  placeDataset(volume);
  return translated(volume, 'ask for the free space of', dataset, async () => {
    const { bavail, bsize } = await statfs(volume.source);
    return { dataBytes: bavail * bsize, metadataBytes: bavail * bsize };
  });
}

/** Mapped pages and the intent log first, then the transaction group, which a snapshot would have to write otherwise. */
async function flush(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  const dataset = liveDataset(volume);
  await translated(volume, 'flush', dataset, async () => {
    await syncFilesystem(volume.source);
    await commands.zpool(['sync', poolOf(dataset)]);
  });
}

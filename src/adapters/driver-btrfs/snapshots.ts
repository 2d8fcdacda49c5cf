/** Making snapshots and clones, and the entries of the publish directory: look up, list, rename, sync. */
import { lstat, readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { createSnapshot, isReadOnly, isSubvolume } from '../../native/btrfs.js';
import { renameNoReplace } from '../../native/rename.js';
import { syncDirectory } from '../../native/sync.js';
import type { Listed, VolumePlace } from '../../ports/volume-driver.js';
import { refuseNestedInClone } from './nested.js';
import {
  driverError,
  entryPath,
  errnoOf,
  identity,
  translated,
  withDirectory,
  withLive,
  withPublishDirectory,
  type OpenPlace,
} from './place.js';

/** Every root of a subvolume has this inode number; the stub that a snapshot has of a nested one does not. */
const SUBVOLUME_INODE = 256;
const LOOKED_AT_ONCE = 16;

export async function clone(volume: VolumePlace, name: string, from: string | null): Promise<{ readonly id: string }> {
  entryPath(volume, name);
  if (from === null) return withLive(volume, 'clone', (live) => snapshot(volume, live, name, false));
  return withEntry(volume, from, (open, fd) => snapshotIn(volume, open, fd, name, false));
}

export async function seal(volume: VolumePlace, cloneName: string, name: string): Promise<{ readonly id: string }> {
  entryPath(volume, name);
  return withEntry(volume, cloneName, (open, fd, path) => {
    refuseNestedInClone(volume, fd, path);
    return snapshotIn(volume, open, fd, name, true);
  });
}

async function withEntry<T>(
  volume: VolumePlace,
  name: string,
  action: (open: OpenPlace, fd: number, path: string) => Promise<T>,
): Promise<T> {
  const path = entryPath(volume, name);
  return translated(volume, 'snapshot', path, 'STAGE_FAILED', () =>
    withPublishDirectory(volume, (open) => withDirectory(open.path(name), (fd) => action(open, fd, path))),
  );
}

/** A snapshot is durable when the call returns, and an existing name is a failure: never "already done" (T3). */
async function snapshot(volume: VolumePlace, source: number, name: string, readOnly: boolean): Promise<{ id: string }> {
  return translated(volume, 'make the snapshot', entryPath(volume, name), 'STAGE_FAILED', () =>
    withPublishDirectory(volume, (open) => snapshotIn(volume, open, source, name, readOnly)),
  );
}

async function snapshotIn(
  volume: VolumePlace,
  open: OpenPlace,
  source: number,
  name: string,
  readOnly: boolean,
): Promise<{ id: string }> {
  try {
    await createSnapshot(source, open.fd, name, readOnly);
    return { id: await withDirectory(open.path(name), (made) => identity(made, entryPath(volume, name))) };
  } catch (failure) {
    throw snapshotError(volume, name, failure);
  }
}

export function snapshotError(volume: VolumePlace, name: string, failure: unknown): SnapcommitError {
  const path = entryPath(volume, name);
  if (errnoOf(failure) !== 'EEXIST') return driverError(volume, 'make the snapshot', path, failure, 'STAGE_FAILED');
  const message = `volume ${volume.name}: ${path} exists already; it is not from this call, see what it is`;
  return new SnapcommitError('STAGED_NAME_EXISTS', message, { volume: volume.name, name, path }, failure);
}

export async function lookup(volume: VolumePlace, name: string): Promise<Listed | null> {
  const path = entryPath(volume, name);
  return translated(volume, 'look at', path, 'UNAVAILABLE', () => look(path));
}

/** What stands at `path`; null where nothing does, or where its directory is gone. */
export async function look(path: string): Promise<Listed | null> {
  const name = basename(path);
  try {
    const found = await lstat(path);
    if (!found.isDirectory() || found.ino !== SUBVOLUME_INODE) return { name, id: null, readOnly: false };
    return await withDirectory(path, (fd) =>
      isSubvolume(fd)
        ? { name, id: identity(fd, path), readOnly: isReadOnly(fd, path) }
        : { name, id: null, readOnly: false },
    );
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return null;
    throw failure;
  }
}

export function list(volume: VolumePlace): Promise<readonly Listed[]> {
  return translated(volume, 'list', volume.publishDirectory, 'UNAVAILABLE', async () => {
    const names = (await readdir(volume.publishDirectory)).sort();
    const entries: Listed[] = [];
    for (let at = 0; at < names.length; at += LOOKED_AT_ONCE) {
      const some = names.slice(at, at + LOOKED_AT_ONCE).map((name) => look(entryPath(volume, name)));
      for (const entry of await Promise.all(some)) if (entry !== null) entries.push(entry);
    }
    return entries;
  });
}

export async function rename(volume: VolumePlace, from: string, to: string): Promise<'renamed' | 'absent'> {
  const source = entryPath(volume, from);
  const target = entryPath(volume, to);
  try {
    return await withPublishDirectory(volume, (open) => renameIn(open, from, to));
  } catch (failure) {
    const errno = errnoOf(failure);
    if (errno !== 'EEXIST') throw driverError(volume, `rename ${source} to`, target, failure, 'UNAVAILABLE');
    const message = `volume ${volume.name}: ${target} exists already, so ${source} was not renamed to it; see what it is`;
    throw new SnapcommitError('EXISTS', message, { volume: volume.name, from, to }, failure);
  }
}

async function renameIn(open: OpenPlace, from: string, to: string): Promise<'renamed' | 'absent'> {
  try {
    await renameNoReplace(open.path(from), open.path(to));
    return 'renamed';
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return 'absent';
    throw failure;
  }
}

export function sync(volume: VolumePlace): Promise<void> {
  return translated(volume, 'sync', volume.publishDirectory, 'UNAVAILABLE', () =>
    withPublishDirectory(volume, ({ here }) => syncDirectory(here)),
  );
}

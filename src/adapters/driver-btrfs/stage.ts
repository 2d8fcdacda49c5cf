/**
 * Staging: a read-only snapshot of the live tree. Writers stand still while it is made, so both directories are opened
 * before, and its identity is read and all is closed after.
 */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { createSnapshot } from '../../native/btrfs.js';
import { openOwned, pathOfOpen } from '../../native/owned-directory.js';
import type { StageCall, VolumePlace } from '../../ports/volume-driver.js';
import { assertLive, entryPath, identity, openDirectory, translated, withDirectory } from './place.js';
import { snapshotError } from './snapshots.js';

export async function openStage(volume: VolumePlace, name: string): Promise<StageCall> {
  const path = entryPath(volume, name);
  const rehearsed = rehearse(volume);
  const opened: number[] = [];
  const open = async (fd: Promise<number>): Promise<number> => {
    opened.push(await fd);
    return fd;
  };
  const close = async (): Promise<void> => {
    // Opened for reading alone: nothing can be lost by a close that fails.
    for (const fd of opened.splice(0)) closeSync(fd);
    return Promise.resolve();
  };
  try {
    const live = await translated(volume, 'snapshot', volume.source, 'UNAVAILABLE', () =>
      open(openDirectory(volume.source)),
    );
    assertLive(volume, live);
    const publish = await translated(volume, 'snapshot', path, 'STAGE_FAILED', () =>
      open(openOwned(volume.publishDirectory)),
    );
    await rehearsed;
    return {
      take: () => take(volume, live, publish, name),
      identity: () => identityOf(volume, publish, name),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export async function stage(volume: VolumePlace, name: string): Promise<{ readonly id: string }> {
  const call = await openStage(volume, name);
  try {
    await call.take();
    return { id: await call.identity(volume) };
  } finally {
    await call.close();
  }
}

/**
 * Takes a snapshot in vain (of no directory at all): the first run of a function is a slow one, and writers stand still
 * while a real one is taken.
 */
async function rehearse(volume: VolumePlace): Promise<void> {
  await take(volume, -1, -1, '.rehearsal').catch(() => undefined);
}

/** A snapshot is durable when the call returns, and an existing name is a failure: never "already done" (T3). */
async function take(volume: VolumePlace, live: number, publish: number, name: string): Promise<void> {
  try {
    await createSnapshot(live, publish, name, true);
  } catch (failure) {
    throw snapshotError(volume, name, failure);
  }
}

function identityOf(volume: VolumePlace, publish: number, name: string): Promise<string> {
  const path = entryPath(volume, name);
  return translated(volume, 'look at', path, 'STAGE_FAILED', () =>
    withDirectory(join(pathOfOpen(publish), name), (made) => identity(made, path)),
  );
}

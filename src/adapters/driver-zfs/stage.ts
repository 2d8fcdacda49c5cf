/**
 * Staging: a read-only snapshot of the live dataset, with the name that it is staged under as a property in the same
 * transaction group. Writers stand still while it is made; it is held against other tools, and linked, after they go on.
 */
import { SnapcommitError } from '../../errors.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { meaningOf, zfsError } from './failures.js';
import { entryPath, writeLink } from './links.js';
import { encodeName, splitSnapshot } from './names.js';
import { guidOf, STAGED } from './properties.js';
import { liveDataset, placeDataset } from './site.js';
import { isTaken } from './taken.js';
import { absent } from './zfs-failure.js';

/** What holds our snapshots against a `zfs destroy` of other tools. */
export const HOLD_TAG = 'snapcommit';

/** The arguments of one `zfs snapshot` of all these datasets, which must be of one pool: all or none, at one instant. */
export function snapshotArguments(datasets: readonly string[], name: string): readonly string[] {
  return ['snapshot', '-o', `${STAGED}=${name}`, ...datasets.map((dataset) => snapshotName(dataset, name))];
}

export function snapshotName(dataset: string, name: string): string {
  return `${dataset}@${encodeName(name)}`;
}

/** The live dataset, which can be staged under that name now. @throws STAGED_NAME_EXISTS where the name is in use. */
export async function stageable(volume: VolumePlace, name: string): Promise<string> {
  entryPath(volume, name);
  const dataset = liveDataset(volume);
  placeDataset(volume);
  if (await isTaken(volume, name)) throw takenName(volume, name);
  return dataset;
}

export async function stage(
  commands: ZfsCommands,
  volume: VolumePlace,
  name: string,
): Promise<{ readonly id: string }> {
  const dataset = await stageable(volume, name);
  await takeSnapshot(commands, volume, dataset, name);
  return { id: await keepSnapshot(commands, volume, snapshotName(dataset, name), name, volume.source) };
}

/** A snapshot is durable when the call returns, and an existing name is a failure: never "already done" (T3). */
export async function takeSnapshot(
  commands: ZfsCommands,
  volume: VolumePlace,
  dataset: string,
  name: string,
): Promise<void> {
  try {
    await commands.zfs(snapshotArguments([dataset], name));
  } catch (failure) {
    throw stageError(volume, dataset, name, failure);
  }
}

export function stageError(volume: VolumePlace, dataset: string, name: string, failure: unknown): Error {
  if (meaningOf(failure) === 'exists') return takenName(volume, name, failure);
  return zfsError(volume, 'make the snapshot', snapshotName(dataset, name), failure, 'STAGE_FAILED');
}

export function takenName(volume: VolumePlace, name: string, failure?: unknown): SnapcommitError {
  const path = entryPath(volume, name);
  const message = `volume ${volume.name}: ${path} exists already; it is not from this call, see what it is`;
  return new SnapcommitError('STAGED_NAME_EXISTS', message, { volume: volume.name, name, path }, failure);
}

/** Holds what was staged, links it, and tells its identity. @throws STAGE_FAILED when it is gone already (G9). */
export async function keepSnapshot(
  commands: ZfsCommands,
  volume: VolumePlace,
  snapshot: string,
  name: string,
  root: string,
): Promise<string> {
  try {
    await commands.zfs(['hold', HOLD_TAG, snapshot]);
    const [found] = await commands.describe([snapshot]);
    if (found === undefined) throw absent(snapshot);
    await writeLink(volume, name, `${root}/.zfs/snapshot/${splitSnapshot(snapshot)?.snapshot ?? ''}`);
    return guidOf(found);
  } catch (failure) {
    if (meaningOf(failure) !== 'absent') throw zfsError(volume, 'hold', snapshot, failure, 'STAGE_FAILED');
    throw goneBeforeHeld(volume, name, snapshot, failure);
  }
}

export function goneBeforeHeld(volume: VolumePlace, name: string, snapshot: string, failure: unknown): SnapcommitError {
  const message = `volume ${volume.name}: another tool destroyed the snapshot ${snapshot} before it could be held; exclude snapcommit’s snapshots from that tool`;
  return new SnapcommitError('STAGE_FAILED', message, { volume: volume.name, name, snapshot }, failure);
}

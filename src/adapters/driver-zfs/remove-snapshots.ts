/** Destroying snapshots: those of a dataset at once, and each by itself where that is refused. */
import { crashPoint } from '../../crash-points.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { meaningOf, zfsError } from './failures.js';
import { splitSnapshot } from './names.js';
import { isBusy, whenLetGo } from './patience.js';
import { valueOf, type Dataset } from './properties.js';
import { unmountSnapshot } from './readers.js';
import { HOLD_TAG } from './stage.js';

/** Their names together are one argument, which takes 128 KiB. */
const AT_ONCE = 256;

export async function removeSnapshots(
  commands: ZfsCommands,
  volume: VolumePlace,
  snapshots: readonly Dataset[],
): Promise<void> {
  if (snapshots.length > 1 && (await areRemovedAtOnce(commands, snapshots))) {
    crashPoint('remove.after-first');
    return;
  }
  for (const snapshot of snapshots) {
    await removeSnapshot(commands, volume, snapshot);
    crashPoint('remove.after-first');
  }
}

/** False where some may be left: what is in the way of one is in the way of all. */
async function areRemovedAtOnce(commands: ZfsCommands, snapshots: readonly Dataset[]): Promise<boolean> {
  const datasets = new Map<string, string[]>();
  for (let at = 0; at < snapshots.length; at += AT_ONCE) {
    const held = snapshots.slice(at, at + AT_ONCE).filter((one) => valueOf(one, 'userrefs') !== '0');
    if (held.length === 0) continue;
    const { failure } = await commands.attempt(['release', HOLD_TAG, ...held.map(({ name }) => name)]);
    if (failure !== null) return false;
  }
  for (const { name } of snapshots) {
    const { dataset, snapshot } = splitSnapshot(name) ?? { dataset: name, snapshot: '' };
    datasets.set(dataset, [...(datasets.get(dataset) ?? []), snapshot]);
  }
  for (const [dataset, names] of datasets)
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE).join(',');
      const { failure } = await commands.attempt(['destroy', '-d', `${dataset}@${some}`]);
      if (failure !== null) return false;
    }
  return true;
}

async function removeSnapshot(commands: ZfsCommands, volume: VolumePlace, snapshot: Dataset): Promise<void> {
  try {
    if (valueOf(snapshot, 'userrefs') !== '0') await releaseHold(commands, snapshot.name);
    await whenLetGo(async () => destroySnapshot(commands, snapshot.name));
  } catch (failure) {
    if (meaningOf(failure) !== 'absent') throw zfsError(volume, 'destroy', snapshot.name, failure);
  }
}

async function destroySnapshot(commands: ZfsCommands, snapshot: string): Promise<void> {
  try {
    await commands.zfs(['destroy', '-d', snapshot]);
  } catch (failure) {
    if (isBusy(failure)) unmountSnapshot(snapshot);
    throw failure;
  }
}

/** Others' holds stay: with them the snapshot is destroyed when they let go of it. */
async function releaseHold(commands: ZfsCommands, snapshot: string): Promise<void> {
  const { failure } = await commands.attempt(['release', HOLD_TAG, snapshot]);
  if (failure !== null && !/no such tag/i.test(failure.reason)) throw failure;
}

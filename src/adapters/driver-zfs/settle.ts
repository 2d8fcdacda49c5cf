/**
 * The end of an exchange: what only one dataset can have at a time goes from the replaced one to the live one, and the
 * replaced one is mounted in the publish directory, for readers of it and of the snapshots that it keeps. That is the last
 * step, so that a replaced dataset which is mounted there owes nothing.
 */
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import type { Family } from './family.js';
import { lastComponent } from './names.js';
import { isReadOnly, ownOf, valueOf, type Dataset } from './properties.js';
import { datasetAt, treePath } from './site.js';

const RESERVED = ['reservation', 'refreservation'] as const;
const SHARED = ['sharenfs', 'sharesmb'] as const;

/** True where something was to be done. `replaced` null: it was deleted since. */
export async function settle(
  commands: ZfsCommands,
  volume: VolumePlace,
  { live }: Family,
  replaced: Dataset | null,
): Promise<boolean> {
  if (replaced === null || live === null) return false;
  const path = treePath(volume, lastComponent(replaced.name));
  // what it inherits below its place is the same path, and says nothing of what was done
  if (ownOf(replaced, 'mountpoint') !== path) {
    await handOver(commands, replaced, live);
    // while it may not be mounted, setting where mounts nothing
    if (valueOf(replaced, 'canmount') !== 'on') await commands.zfs(['set', 'canmount=on', replaced.name]);
    await commands.zfs(['set', `mountpoint=${path}`, replaced.name]);
  } else if (datasetAt(path) === replaced.name) return false;
  if (datasetAt(path) !== replaced.name) await commands.zfs(['mount', replaced.name]);
  return true;
}

async function handOver(commands: ZfsCommands, from: Dataset, to: Dataset): Promise<void> {
  if (!isReadOnly(from)) await commands.zfs(['set', 'readonly=on', from.name]);
  const canMount = valueOf(from, 'canmount') ?? 'on';
  if (valueOf(to, 'canmount') !== canMount) await commands.zfs(['set', `canmount=${canMount}`, to.name]);
  for (const property of RESERVED) {
    const value = ownOf(from, property);
    if (value === null || value === '0' || value === 'none') continue;
    const { failure } = await commands.attempt(['set', `${property}=${value}`, to.name]);
    await commands.zfs(['set', `${property}=none`, from.name]);
    // there was no room for both
    if (failure !== null) await commands.zfs(['set', `${property}=${value}`, to.name]);
  }
  for (const property of SHARED) {
    const value = ownOf(from, property);
    if (value === null || value === 'off') continue;
    await commands.zfs(['set', `${property}=${value}`, to.name]);
    await commands.zfs(['set', `${property}=off`, from.name]);
    // ending the one ended what is shared by that path
    await commands.attempt(['share', to.name]);
  }
}

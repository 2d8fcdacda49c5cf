/**
 * The end of an exchange: what only one dataset can have at a time goes from the replaced one to the live one, and the
 * replaced one is mounted in the publish directory, for readers of it and of the snapshots that it keeps.
 *
 * Whether it has gone over is told by the mount point that is set on the replaced dataset itself. Where it would be mounted
 * without that says nothing: a dataset that inherits its mount point is mounted in the publish directory as soon as it is
 * renamed to there, and the live one, which is not mounted by itself until it was told to, would be missing after a reboot.
 */
import { crashPoint } from '../../crash-points.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { delegateAlike } from './delegated.js';
import type { Family } from './family.js';
import { lastComponent } from './names.js';
import { isReadOnly, LET_GO, localOf, ownOf, valueOf, type Dataset } from './properties.js';
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
  if (localOf(replaced, 'mountpoint') !== path) {
    await handOver(commands, replaced, live);
    // Both at once, in one transaction group: with one of them alone, whether the live dataset is to be mounted by itself
    // would be asked of a replaced one that does not know it any more.
    await commands.zfs(['set', 'canmount=on', `mountpoint=${path}`, replaced.name]);
    crashPoint('exchange.settling');
  } else if (datasetAt(path) === replaced.name) return false;
  if (datasetAt(path) !== replaced.name) await commands.zfs(['mount', replaced.name]);
  return true;
}

async function handOver(commands: ZfsCommands, from: Dataset, to: Dataset): Promise<void> {
  if (!isReadOnly(from)) await commands.zfs(['set', 'readonly=on', from.name]);
  const canMount = valueOf(from, 'canmount') ?? 'on';
  if (valueOf(to, 'canmount') !== canMount) await commands.zfs(['set', `canmount=${canMount}`, to.name]);
  for (const property of RESERVED) await handOverSpace(commands, property, from, to);
  for (const property of SHARED) {
    const value = ownOf(from, property);
    if (value === null || value === 'off') continue;
    // the new one first: a crash in between leaves both, and not none
    await commands.zfs(['set', `${property}=${value}`, to.name]);
    await commands.zfs(['set', `${property}=off`, from.name]);
    // ending the one ended what is shared by that path
    await commands.attempt(['share', to.name]);
  }
  await delegateAlike(commands, from.name, to.name);
}

/** Where there is no room for both, the old one lets go of it first, and remembers what it was. */
async function handOverSpace(
  commands: ZfsCommands,
  property: (typeof RESERVED)[number],
  from: Dataset,
  to: Dataset,
): Promise<void> {
  const own = ownOf(from, property);
  const value = own === null || own === '0' || own === 'none' ? localOf(from, LET_GO[property]) : own;
  if (value === null) return;
  const { failure } = await commands.attempt(['set', `${property}=${value}`, to.name]);
  if (failure !== null) await commands.zfs(['set', `${LET_GO[property]}=${value}`, from.name]);
  await commands.zfs(['set', `${property}=none`, from.name]);
  if (failure !== null) await commands.zfs(['set', `${property}=${value}`, to.name]);
  await commands.zfs(['inherit', LET_GO[property], from.name]);
}

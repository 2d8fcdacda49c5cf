/**
 * The end of an exchange: what only one dataset can have at a time goes from the replaced one to the live one, and the
 * replaced one is mounted in the publish directory, for readers of it and of the snapshots that it keeps. That is the last
 * step, so that a replaced dataset which is mounted there owes nothing.
 */
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import type { Family } from './family.js';
import { lastComponent } from './names.js';
import { COLUMNS, ownOf, parseProperties, valueOf, type Dataset } from './properties.js';
import { setReadOnly } from './readonly.js';
import { datasetAt, treePath } from './site.js';

const RESERVED = ['reservation', 'refreservation'] as const;
const SHARED = ['sharenfs', 'sharesmb'] as const;

/** True where something was to be done. `replaced` null: it was deleted since. */
export async function settle(
  commands: ZfsCommands,
  volume: VolumePlace,
  { live, liveName }: Family,
  replaced: Dataset | null,
): Promise<boolean> {
  if (replaced === null || live === null) return false;
  const path = treePath(volume, lastComponent(replaced.name));
  const isPlaced = valueOf(replaced, 'mountpoint') === path && valueOf(replaced, 'canmount') === 'on';
  if (isPlaced && datasetAt(path) === replaced.name) return false;
  if (ownOf(replaced, 'mountpoint') !== path || !isPlaced) {
    await setReadOnly(commands, replaced.name, true);
    await handOver(commands, replaced.name, liveName);
    const canMount = valueOf(replaced, 'canmount') ?? 'on';
    if (valueOf(live, 'canmount') !== canMount) await commands.zfs(['set', `canmount=${canMount}`, liveName]);
    await commands.zfs(['set', 'canmount=noauto', replaced.name]);
    await commands.zfs(['set', `mountpoint=${path}`, replaced.name]);
    await commands.zfs(['set', 'canmount=on', replaced.name]);
  }
  if (datasetAt(path) !== replaced.name) await commands.zfs(['mount', replaced.name]);
  return true;
}

async function handOver(commands: ZfsCommands, from: string, to: string): Promise<void> {
  const asked = ['get', '-H', '-p', '-o', COLUMNS, [...RESERVED, ...SHARED].join(','), from];
  const [found] = parseProperties(await commands.zfs(asked));
  if (found === undefined) return;
  for (const property of RESERVED) {
    const value = ownOf(found, property);
    if (value === null || value === '0' || value === 'none') continue;
    const { failure } = await commands.attempt(['set', `${property}=${value}`, to]);
    await commands.zfs(['set', `${property}=none`, from]);
    // there was no room for both
    if (failure !== null) await commands.zfs(['set', `${property}=${value}`, to]);
  }
  for (const property of SHARED) {
    const value = ownOf(found, property);
    if (value === null || value === 'off') continue;
    await commands.zfs(['set', `${property}=off`, from]);
    await commands.zfs(['set', `${property}=${value}`, to]);
  }
}

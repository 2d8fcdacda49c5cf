/** The entries of the publish directory: look up, list, rename, sync. */
import { SnapcommitError } from '../../errors.js';
import { syncDirectory } from '../../native/sync.js';
import type { Listed, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { meaningOf, translated, zfsError } from './failures.js';
import { entryOf, listed, readFamily, type Entry, type Family } from './family.js';
import {
  entryPath,
  foreignNames,
  isForeign,
  mendLink,
  namesIn,
  removeLink,
  setLink,
  strayLinks,
  sweepLinks,
} from './links.js';
import { encodeName, splitSnapshot } from './names.js';
import { ENTRY } from './properties.js';

/** A chain of promotions moves a snapshot more than once. */
const READINGS_MAX = 3;

export async function lookup(commands: ZfsCommands, volume: VolumePlace, name: string): Promise<Listed | null> {
  const path = entryPath(volume, name);
  const family = await readWith(commands, volume, [name]);
  return translated(volume, 'look at', path, async () => {
    const entry = entryOf(family, name);
    if (entry === null) return (await isForeign(volume, name)) ? { name, id: null, readOnly: false } : null;
    if (entry.kind !== 'unfinished') await mendLink(volume, family, entry);
    return listed(entry);
  });
}

/**
 * The family, read again where one of these names has its link and no entry: ZFS tells of one dataset after the other, so
 * that what an exchange moves meanwhile can be missing from all of them.
 */
async function readWith(commands: ZfsCommands, volume: VolumePlace, names: readonly string[]): Promise<Family> {
  for (let reading = 1; ; reading += 1) {
    const family = await readFamily(commands, volume);
    if (reading === READINGS_MAX || (await strayLinks(volume, names, family)).length === 0) return family;
  }
}

export async function list(commands: ZfsCommands, volume: VolumePlace): Promise<readonly Listed[]> {
  const names = await translated(volume, 'list', volume.publishDirectory, () => namesIn(volume));
  const family = await readWith(commands, volume, names);
  const entries = family.entries.map((entry) => listed(entry));
  const foreign = await translated(volume, 'list', volume.publishDirectory, async () => {
    const told = await sweepLinks(volume, await strayLinks(volume, names, family));
    return [...told, ...(await foreignNames(volume, names))];
  });
  const others = foreign.map((name) => ({ name, id: null, readOnly: false }));
  return [...entries, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
}

export async function rename(
  commands: ZfsCommands,
  volume: VolumePlace,
  from: string,
  to: string,
): Promise<'renamed' | 'absent'> {
  const source = entryPath(volume, from);
  const target = entryPath(volume, to);
  const family = await readFamily(commands, volume);
  const entry = entryOf(family, from);
  if (entry === null) {
    await translated(volume, 'remove the link', source, async () => removeStray(volume, from, family));
    return 'absent';
  }
  if (entryOf(family, to) !== null || (await translated(volume, 'look at', target, () => isForeign(volume, to))))
    throw existing(volume, source, target);
  const dataset = await renameEntry(commands, volume, entry, to);
  await translated(volume, 'link', target, async () => {
    if (entry.kind !== 'unfinished') await setLink(volume, family, { ...entry, name: to, dataset });
    await removeLink(source);
  });
  return 'renamed';
}

/** A link that has outlived its entry goes when its name is to: `list` tells of it. Call under the volume's lock. */
async function removeStray(volume: VolumePlace, name: string, family: Family): Promise<void> {
  if ((await strayLinks(volume, [name], family)).length === 0) return;
  await removeLink(entryPath(volume, name));
  await syncDirectory(volume.publishDirectory);
}

/** A snapshot's name is its own; a tree's is a property, so that no mount moves. */
export async function renameEntry(commands: ZfsCommands, volume: VolumePlace, { kind, dataset }: Entry, to: string) {
  try {
    if (kind === 'tree') {
      await commands.zfs(['set', `${ENTRY}=${to}`, dataset.name]);
      return dataset;
    }
    const name = `${splitSnapshot(dataset.name)?.dataset ?? ''}@${encodeName(to)}`;
    await commands.zfs(['rename', dataset.name, name]);
    return { ...dataset, name };
  } catch (failure) {
    if (meaningOf(failure) === 'exists') throw existing(volume, dataset.name, to, failure);
    throw zfsError(volume, `rename ${dataset.name} to`, to, failure);
  }
}

export function existing(volume: VolumePlace, from: string, to: string, failure?: unknown): SnapcommitError {
  const message = `volume ${volume.name}: ${to} exists already, so ${from} was not renamed to it; see what it is`;
  return new SnapcommitError('EXISTS', message, { volume: volume.name, from, to }, failure);
}

/** What ZFS renames is durable at once; the links are with this. */
export function sync(volume: VolumePlace): Promise<void> {
  return translated(volume, 'sync', volume.publishDirectory, () => syncDirectory(volume.publishDirectory));
}

/**
 * Exchanging the live dataset with a clone of it. ZFS has no call for that: the clone is promoted, so that the old tree
 * depends on it and not it on the old tree, then the old dataset is renamed away and the clone to its name, and last the
 * mount at the live path is replaced from beneath. Each is a transaction group of its own.
 *
 * Every step is judged by guids, names and mounts, never by what was done before: a crash anywhere in between, and a second
 * call, continue from where the datasets are (T8). The old tree is read-only and stays mounted at the live path until the
 * new one stands beneath it, so nothing can be written at that path meanwhile (T7).
 */
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { syncDirectory } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated } from './failures.js';
import { byGuid, entryOf, homeOf, readFamily, remember, type Family } from './family.js';
import { entryPath, setLinks } from './links.js';
import { lastComponent, splitSnapshot, treeComponentOf } from './names.js';
import { whenLetGo } from './patience.js';
import { ENTRY, guidOf, isReadOnly, localOf, ownOf, PLACE, valueOf, type Dataset } from './properties.js';
import { settle } from './settle.js';
import { showClone } from './show-clone.js';
import { datasetAt, treePath } from './site.js';
import { leadAside, leadBack, makeStandIns } from './stand-ins.js';
import { makeTreeDirectory, sweepTreeDirectories } from './tree-directories.js';
import { absent } from './zfs-failure.js';

export interface Identities {
  readonly base: string;
  readonly clone: string;
}

export async function exchange(
  commands: ZfsCommands,
  volume: VolumePlace,
  cloneName: string,
  identities: Identities,
): Promise<'exchanged' | 'done'> {
  entryPath(volume, cloneName);
  const before = await readWithBase(commands, volume, identities);
  const stage = stageOf(volume, before, cloneName, identities);
  return translated(volume, 'exchange', before.liveName, async () => {
    if (stage === 'not begun') await renameBase(commands, volume, before, cloneName, identities);
    if (stage !== 'renamed') await renameClone(commands, before, identities);
    const renamed = stage === 'renamed' ? before : await readFamily(commands, volume, before.liveName);
    if (renamed.live !== null) await open(commands, renamed.live);
    const isShownAnew = await showClone(commands, volume, renamed);
    const isSettledAnew = await settle(commands, volume, renamed, byGuid(renamed, identities.base));
    const after = await leadBack(commands, volume, await readFamily(commands, volume));
    await setLinks(volume, after);
    await sweepTreeDirectories(volume, after);
    await syncDirectory(volume.publishDirectory);
    crashPoint('exchange.after');
    return stage === 'renamed' && !isShownAnew && !isSettledAnew ? 'done' : 'exchanged';
  });
}

/**
 * The family with its replaced tree. `zfs set` takes away the directory, by which that one is found, of a tree that is not
 * mounted while its mount point is set (settle.ts): who died then left it without.
 */
async function readWithBase(commands: ZfsCommands, volume: VolumePlace, { base }: Identities): Promise<Family> {
  const family = await readFamily(commands, volume);
  if (byGuid(family, base) !== null) return family;
  await translated(volume, 'look for', base, () => makeTreeDirectory(volume, treeComponentOf(base)));
  return readFamily(commands, volume);
}

/** How far an exchange is, by the datasets' names. @throws CONFLICT where they are neither of these. */
function stageOf(
  volume: VolumePlace,
  family: Family,
  cloneName: string,
  wanted: Identities,
): 'not begun' | 'base renamed' | 'renamed' {
  const { liveName, live } = family;
  const base = byGuid(family, wanted.base);
  const clone = byGuid(family, wanted.clone);
  const shown = datasetAt(volume.source);
  const isOneOfThem = shown === null || shown === base?.name || shown === clone?.name;
  if (clone !== null && isOneOfThem) {
    if (clone.name === liveName) return 'renamed';
    const isWaiting = entryOf(family, cloneName)?.dataset.name === clone.name;
    if (base?.name === liveName && shown === liveName && isWaiting) return 'not begun';
    if (live === null && base !== null && localOf(base, ENTRY) === cloneName) return 'base renamed';
  }
  const found = live === null ? null : guidOf(live);
  const what = found === null ? 'there is no dataset' : `the dataset with guid ${found} is`;
  const message = `volume ${volume.name}: nothing was exchanged, since ${what} at ${liveName} (${volume.source}), and not ${wanted.base} or its clone ${wanted.clone} (as ${cloneName}); somebody replaced one of them, see what it is`;
  throw new SnapcommitError('CONFLICT', message, { volume: volume.name, path: volume.source, found, ...wanted });
}

async function renameBase(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  cloneName: string,
  identities: Identities,
): Promise<void> {
  const base = required(byGuid(family, identities.base));
  const clone = required(byGuid(family, identities.clone));
  // Until the clone stands there the place alone knows the name, which somebody may have changed since it was told.
  await remember(commands, family.place, family.liveName);
  if (!isReadOnly(base)) await commands.zfs(['set', 'readonly=on', base.name]);
  const isMadeAnew = await makeStandIns(commands, volume, family, clone);
  await leadAside(volume, isMadeAnew ? await readFamily(commands, volume) : family);
  await promote(commands, family, clone);
  crashPoint('exchange.promoted');
  await makeReady(commands, volume, base, clone);
  const component = treeComponentOf(guidOf(base));
  await makeTreeDirectory(volume, component);
  // by its directory the base is found from here on
  await syncDirectory(volume.publishDirectory);
  await commands.zfs(['set', `${PLACE}=${guidOf(family.place)}`, `${ENTRY}=${cloneName}`, base.name]);
  crashPoint('exchange.before');
  await commands.zfs(['rename', '-u', base.name, `${homeOf(family)}/${component}`]);
  crashPoint('exchange.after-base');
}

/**
 * Until it depends on nothing of this family any more: what it was made of may itself depend on a tree that an earlier
 * exchange replaced. What somebody made the live dataset of is not ours to promote over.
 */
async function promote(commands: ZfsCommands, { liveName, trees }: Family, clone: Dataset): Promise<void> {
  const members = new Set([liveName, ...trees.map(({ name }) => name)]);
  for (let origin = valueOf(clone, 'origin'); members.has(splitSnapshot(origin ?? '')?.dataset ?? '');) {
    await whenLetGo(async () => commands.zfs(['promote', clone.name]));
    const [promoted] = await commands.describe([clone.name]);
    if (promoted === undefined) throw absent(clone.name);
    origin = valueOf(promoted, 'origin');
  }
}

/** The clone stands as the base does: where it is mounted, and writable. `noauto` keeps it unmounted until it is shown. */
async function makeReady(commands: ZfsCommands, volume: VolumePlace, base: Dataset, clone: Dataset): Promise<void> {
  if (datasetAt(treePath(volume, lastComponent(clone.name))) === clone.name)
    await whenLetGo(async () => commands.zfs(['unmount', clone.name]));
  if (valueOf(clone, 'canmount') !== 'noauto') await commands.zfs(['set', 'canmount=noauto', clone.name]);
  const mountPoint = ownOf(base, 'mountpoint');
  if (mountPoint !== null) await commands.zfs(['set', `mountpoint=${mountPoint}`, clone.name]);
  // A second time would take its directory away, by which it is found.
  else if (ownOf(clone, 'mountpoint') !== null) await commands.zfs(['inherit', 'mountpoint', clone.name]);
  await makeTreeDirectory(volume, lastComponent(clone.name));
  if (ownOf(clone, 'readonly') !== null) await commands.zfs(['inherit', 'readonly', clone.name]);
}

async function renameClone(commands: ZfsCommands, family: Family, identities: Identities): Promise<void> {
  const clone = required(byGuid(family, identities.clone));
  await commands.zfs(['rename', '-u', clone.name, family.liveName]);
  crashPoint('exchange.after-exchange');
}

/** What a dataset hears of its parent only where it is now, and what a promotion of an encryption root forgets. */
async function open(commands: ZfsCommands, live: Dataset): Promise<void> {
  if (isReadOnly(live)) await commands.zfs(['set', 'readonly=off', live.name]);
  if (valueOf(live, 'keystatus') === 'unavailable')
    await commands.zfs(['load-key', valueOf(live, 'encryptionroot') ?? live.name]);
}

function required(dataset: Dataset | null): Dataset {
  if (dataset === null) throw new TypeError('a dataset of an exchange was found and is gone');
  return dataset;
}

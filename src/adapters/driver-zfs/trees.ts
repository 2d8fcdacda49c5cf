/**
 * Writable clones and their seals. A clone of the live tree needs a snapshot to be made of; that one is marked for deferred
 * destruction at once, so that ZFS itself takes it away with whoever depends on it last, also after a promotion.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, rmdir } from 'node:fs/promises';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { syncDirectory, syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated, zfsError } from './failures.js';
import { entryOf, homeOf, readFamily, type Entry, type Family } from './family.js';
import { entryPath, isForeign, writeLink } from './links.js';
import { encodeName, lastComponent, NAME_BYTES_MAX, tooLong, TREE_DIGITS, treeComponent } from './names.js';
import { BASE, CHILDREN, ENTRY, guidOf, localOf, PLACE } from './properties.js';
import { liveDataset, treePath } from './site.js';
import { makeStandIns } from './stand-ins.js';
import { keepSnapshot, stageError, takenName, takeSnapshot } from './stage.js';
import { absent } from './zfs-failure.js';

export async function clone(
  commands: ZfsCommands,
  volume: VolumePlace,
  name: string,
  from: string | null,
): Promise<{ readonly id: string }> {
  entryPath(volume, name);
  if (from === null) liveDataset(volume);
  else entryPath(volume, from);
  const family = await readFamily(commands, volume);
  await refuseTaken(volume, family, name);
  refuseLongNames(volume, family, name);
  const source = from === null ? null : requireEntry(volume, family, from);
  if (source?.kind === 'snapshot') return makeTree(commands, volume, family, name, source.dataset.name);
  const base = `${source?.dataset.name ?? liveDataset(volume)}@${encodeName(name)}`;
  try {
    await commands.zfs(['snapshot', '-o', `${BASE}=${name}`, base]);
  } catch (failure) {
    throw stageError(volume, base, name, failure);
  }
  crashPoint('tree.base-taken');
  try {
    const made = await makeTree(commands, volume, family, name, base);
    crashPoint('tree.made');
    await translated(volume, 'give up', base, () => commands.zfs(['destroy', '-d', base]));
    return made;
  } catch (failure) {
    // Where this fails as well, the sweep finds what is left by its name.
    await commands.attempt(['destroy', '-d', base]);
    throw failure;
  }
}

/** The seal is called after its clone, with a longer word. */
const SEAL_ROOM = '_'.repeat(8);

/** A clone of the snapshot, mounted in the publish directory. */
async function makeTree(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  name: string,
  snapshot: string,
): Promise<{ readonly id: string }> {
  const component = treeComponent(randomBytes(TREE_DIGITS / 2).toString('hex'));
  const tree = `${homeOf(family)}/${component}`;
  const path = treePath(volume, component);
  try {
    // The directory first, and durable: by it the tree is found.
    await mkdir(path);
    await syncDirectory(volume.publishDirectory);
    const options = [
      ...(await copiedProperties(commands, family)),
      ...saidOfChildren(family),
      'canmount=noauto',
      'readonly=off',
      `mountpoint=${path}`,
      `${PLACE}=${guidOf(family.place)}`,
      `${ENTRY}=${name}`,
    ];
    await commands.zfs(['clone', ...options.flatMap((option) => ['-o', option]), snapshot, tree]);
    await commands.zfs(['mount', tree]);
    await writeLink(volume, name, component);
    const [found] = await commands.describe([tree]);
    if (found === undefined) throw absent(tree);
    return { id: guidOf(found) };
  } catch (failure) {
    await commands.attempt(['destroy', tree]);
    await rmdir(path).catch(() => undefined);
    throw zfsError(volume, 'make the clone', tree, failure, 'STAGE_FAILED');
  }
}

/** Properties that say where a dataset is, what it is made of, or what cannot be had twice. */
const NOT_COPIED = new Set([
  'canmount',
  'mountpoint',
  'readonly',
  'sharenfs',
  'sharesmb',
  'reservation',
  'refreservation',
  'keylocation',
  'keyformat',
  'pbkdf2iters',
  'encryption',
]);

/** What was set on the live dataset itself: a clone inherits from its new parent, and not from its origin. */
async function copiedProperties(commands: ZfsCommands, { live }: Family): Promise<readonly string[]> {
  if (live === null) return [];
  const asked = ['get', '-H', '-p', '-s', 'local,received', '-o', 'property,value', 'all', live.name];
  return settable(await commands.zfs(asked));
}

/** `PROPERTY=VALUE` of every one that a clone can be given; `output` has a line PROPERTY, tab, VALUE for each. */
export function settable(output: string): readonly string[] {
  return (
    output
      .split('\n')
      // the second line of somebody's value of several is no property
      .filter((line) => line.includes('\t'))
      .map((line) => ({ property: line.slice(0, line.indexOf('\t')), value: line.slice(line.indexOf('\t') + 1) }))
      .filter(({ property }) => !NOT_COPIED.has(property) && !property.startsWith('snapcommit:'))
      .map(({ property, value }) => `${property}=${value}`)
  );
}

/** Our other properties speak of one dataset; this one is true of whatever stands in its place. */
function saidOfChildren({ live }: Family): readonly string[] {
  const said = live === null ? null : localOf(live, CHILDREN);
  return said === null ? [] : [`${CHILDREN}=${said}`];
}

export async function seal(
  commands: ZfsCommands,
  volume: VolumePlace,
  cloneName: string,
  name: string,
): Promise<{ readonly id: string }> {
  entryPath(volume, cloneName);
  entryPath(volume, name);
  const family = await readFamily(commands, volume);
  await refuseTaken(volume, family, name);
  const { dataset } = requireEntry(volume, family, cloneName);
  const component = lastComponent(dataset.name);
  // now, and not when everybody stands still: there can be many
  await makeStandIns(commands, volume, family, dataset);
  // what was written through mappings only
  await translated(volume, 'flush', component, () => syncFilesystem(treePath(volume, component)));
  await takeSnapshot(commands, volume, dataset.name, name);
  return { id: await keepSnapshot(commands, volume, `${dataset.name}@${encodeName(name)}`, name, component) };
}

/** Before anything is made: after a commit an exchange that cannot go on would be there for good. */
function refuseLongNames(volume: VolumePlace, family: Family, name: string): void {
  const tree = `${homeOf(family)}/${treeComponent('0'.repeat(TREE_DIGITS))}`;
  const found = tooLong(tree, [encodeName(name) + SEAL_ROOM, ...family.snapshots.map((one) => one.name)]);
  if (found === null) return;
  const message =
    `volume ${volume.name} (${volume.source}): its clone ${tree} would have a snapshot of that name, ${found}, and ZFS allows ` +
    `${String(NAME_BYTES_MAX)} bytes for both together. Rename that snapshot or what is above the clone, or give the volume or its group a shorter name`;
  throw new SnapcommitError('NAME_INVALID', message, { volume: volume.name, dataset: tree, snapshot: found });
}

export async function refuseTaken(volume: VolumePlace, family: Family, name: string): Promise<void> {
  const isForeignName = await translated(volume, 'look at', name, () => isForeign(volume, name));
  if (isForeignName || entryOf(family, name) !== null) throw takenName(volume, name);
}

export function requireEntry(volume: VolumePlace, family: Family, name: string): Entry {
  const entry = entryOf(family, name);
  if (entry !== null && entry.kind !== 'unfinished') return entry;
  const message = `volume ${volume.name}: ${entryPath(volume, name)} is gone; another tool may have destroyed its dataset`;
  throw new SnapcommitError('VOLUME_UNAVAILABLE', message, { volume: volume.name, name });
}

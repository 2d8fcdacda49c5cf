/**
 * The links of a publish directory: NAME leads to the snapshot below `.zfs/snapshot`, or to the tree's mount. What there is
 * stands in ZFS; a link that is missing or leads elsewhere is made anew by whoever looks.
 */
import { randomBytes } from 'node:crypto';
import { access, lstat, readdir, readlink, rename, symlink, unlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { entryName } from '../../participant/names.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf } from './failures.js';
import { targetOf, type Entry, type Family } from './family.js';
import { isTreeComponent } from './names.js';
import { guidOf, localOf, STANDS_FOR } from './properties.js';

/** What a link is called until it has its name. */
const NEW_LINK = '.snapcommit-link-';
const MAY_NOT_WRITE: readonly string[] = ['EACCES', 'EPERM', 'EROFS'];

export function entryPath(volume: VolumePlace, name: string): string {
  return join(volume.publishDirectory, entryName(volume, name));
}

export async function setLink(volume: VolumePlace, family: Family, entry: Entry): Promise<void> {
  await writeLink(volume, entry.name, targetOf(volume, family, entry));
}

/**
 * For whoever only looks, without the volume's lock, and may not write there. A link that leads somewhere is right: in the
 * middle of an exchange it may lead elsewhere than one would think who read the family before.
 */
export async function mendLink(volume: VolumePlace, family: Family, entry: Entry): Promise<void> {
  if (await leadsSomewhere(entryPath(volume, entry.name))) return;
  // a boot may be about to mount the stand-in
  const isNeeded = hasStandIn(family, entry) && !(await leadsSomewhere(targetPath(volume, family, entry)));
  if (isNeeded) return;
  await setLink(volume, family, entry).catch((failure: unknown) => {
    if (!MAY_NOT_WRITE.includes(errnoOf(failure))) throw failure;
  });
}

/** Asked without opening anything: the kernel would mount a snapshot for that. */
export async function leadsSomewhere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Makes every entry's link what it must be; where one that has a stand-in must lead, only who leads back can tell. */
export async function setLinks(volume: VolumePlace, family: Family): Promise<void> {
  for (const entry of family.entries)
    if (entry.kind !== 'unfinished' && !hasStandIn(family, entry)) await setLink(volume, family, entry);
}

function hasStandIn({ trees }: Family, { dataset }: Entry): boolean {
  return trees.some((tree) => localOf(tree, STANDS_FOR) === guidOf(dataset));
}

function targetPath(volume: VolumePlace, family: Family, entry: Entry): string {
  return resolve(volume.publishDirectory, targetOf(volume, family, entry));
}

/** Answers whether it led elsewhere before, or nowhere. */
export async function writeLink(volume: VolumePlace, name: string, target: string): Promise<boolean> {
  const path = entryPath(volume, name);
  if ((await linkAt(path)) === target) return false;
  const temporary = entryPath(volume, `${NEW_LINK}${randomBytes(8).toString('hex')}`);
  await symlink(target, temporary);
  try {
    await rename(temporary, path);
  } catch (failure) {
    await removeLink(temporary);
    throw failure;
  }
  return true;
}

/** The text of the link at `path`; null where there is none, or something else. */
async function linkAt(path: string): Promise<string | null> {
  return readlink(path).catch((failure: unknown) => {
    if (['ENOENT', 'EINVAL'].includes(errnoOf(failure))) return null;
    throw failure;
  });
}

export async function removeLink(path: string): Promise<void> {
  await unlink(path).catch((failure: unknown) => {
    if (errnoOf(failure) !== 'ENOENT') throw failure;
  });
}

/** Whether a link's text is one that leads to an entry. */
function leadsToEntry(target: string): boolean {
  return isTreeComponent(target) || target.includes('/.zfs/snapshot/');
}

/**
 * The links that lead to nothing any more: of somebody who died between a deletion and its link's, whose removal of a link
 * the power took back, or who looked an entry up and linked it anew just when it was renamed or deleted. `names` was read
 * before `family`: a link is made after its entry, so one without an entry has lost it.
 */
export async function strayLinks(
  volume: VolumePlace,
  names: readonly string[],
  family: Family,
): Promise<readonly string[]> {
  const known = new Set(family.entries.map(({ name }) => name));
  const stray: string[] = [];
  for (const name of names) {
    if (known.has(name)) continue;
    const target = await linkAt(entryPath(volume, name));
    if (target !== null && leadsToEntry(target)) stray.push(name);
  }
  return stray;
}

/** Removes those of them that nobody can miss. A generation's own is told instead: its view leads through it. */
export async function sweepLinks(volume: VolumePlace, stray: readonly string[]): Promise<readonly string[]> {
  const hidden = stray.filter((name) => name.startsWith('.') && !name.startsWith(NEW_LINK));
  for (const name of hidden)
    await removeLink(entryPath(volume, name)).catch((failure: unknown) => {
      if (!MAY_NOT_WRITE.includes(errnoOf(failure))) throw failure;
    });
  return stray.filter((name) => !name.startsWith('.'));
}

/** What stands under `name` and is no link of ours: somebody's file, or one of the participant's. */
export async function isForeign(volume: VolumePlace, name: string): Promise<boolean> {
  const path = entryPath(volume, name);
  try {
    if (!(await lstat(path)).isSymbolicLink()) return true;
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return false;
    throw failure;
  }
  const target = await linkAt(path);
  return target !== null && !leadsToEntry(target);
}

/** The names in the publish directory but for mounts of trees. */
export async function namesIn(volume: VolumePlace): Promise<readonly string[]> {
  return (await readdir(volume.publishDirectory)).filter((name) => !isTreeComponent(name));
}

/** Those of `names` that are no links to entries. */
export async function foreignNames(volume: VolumePlace, names: readonly string[]): Promise<readonly string[]> {
  const foreign: string[] = [];
  for (const name of names) if (await isForeign(volume, name)) foreign.push(name);
  return foreign;
}

/**
 * Who reads a generation while datasets are exchanged. A promotion takes the mounts of every snapshot that it moves away,
 * and until the exchange is over those snapshots are where no link leads. So each published one has a **stand-in** for that
 * time: a read-only clone, mounted in the publish directory, to which the generation's name leads. A clone is a dataset of
 * its own: whatever is promoted and renamed, what is mounted of it stays.
 *
 * They are made before anybody has to stand still (`makeStandIns`), readers are led to them before it is decided that there
 * is an exchange (`leadAside`), and led back when it is over or given up (`leadBack`). All three are told by what there is
 * in ZFS and can be done at any time, under the volume's lock: after a crash whoever comes next goes on. A stand-in is
 * mounted by itself after a reboot. One that somebody still reads in stays until a later call finds nobody there.
 */
import { readdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { crashPoint } from '../../crash-points.js';
import { readMounts, type Mount } from '../../native/mountinfo.js';
import { unmountIdle } from '../../native/mount-swap.js';
import { syncDirectory } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { isExchangeAhead, movedWith } from './exchange-ahead.js';
import { errnoOf, meaningOf, translated, zfsError } from './failures.js';
import { homeOf, readFamily, targetOf, type Entry, type Family } from './family.js';
import { writeLink } from './links.js';
import { isHiddenName, lastComponent, poolOf, splitSnapshot, treeComponentOf } from './names.js';
import { walksAreOver, whenLetGo } from './patience.js';
import { DESTROY_EACH } from './programs.js';
import { NO_AUTO_SNAPSHOT, ownOf, guidOf, localOf, PLACE, STANDS_FOR, type Dataset } from './properties.js';
import { datasetAt, treePath } from './site.js';
import { makeTreeDirectory, sweepTreeDirectories } from './tree-directories.js';

/** Commands at once: what is asked of ZFS side by side shares its transaction groups. */
const AT_ONCE = 8;
/** For who was reading when the links led back. */
const PATIENCE_MS = 500;
/**
 * To the root of what is mounted, and to nothing where it is not: a stand-in's bare directory, before a boot has mounted it or
 * its key is loaded, is empty, and must not pass for an empty generation.
 */
const INSIDE = '.zfs/..';
/** Of the live dataset's own properties those that decide how its files can be read. */
const READING = ['acltype', 'xattr', 'exec', 'setuid', 'devices'] as const;

/**
 * A stand-in for every published snapshot that an exchange with the dataset `clone` takes out of its readers' way. True where
 * something was to be done, so that the family is another one.
 */
export async function makeStandIns(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  clone: Dataset,
  mounts: readonly Mount[] = readMounts('self'),
): Promise<boolean> {
  const moving = movedWith(family, clone);
  const missing = family.entries.filter(
    (entry) =>
      entry.kind === 'snapshot' &&
      !isHiddenName(entry.name) &&
      moving.has(splitSnapshot(entry.dataset.name)?.dataset ?? '') &&
      standInOf(volume, family, entry, mounts) === null,
  );
  if (missing.length === 0) return false;
  // The directories first, and durable: by them the stand-ins are found.
  for (const entry of missing) await makeTreeDirectory(volume, componentOf(entry));
  await syncDirectory(volume.publishDirectory);
  for (let at = 0; at < missing.length; at += AT_ONCE) {
    const batch = missing.slice(at, at + AT_ONCE);
    const made = await Promise.allSettled(batch.map(async (entry) => makeStandIn(commands, volume, family, entry)));
    // not before the last of them has ended
    for (const result of made) if (result.status === 'rejected') throw result.reason;
  }
  crashPoint('stand-ins.made');
  return true;
}

function componentOf({ dataset }: Entry): string {
  return treeComponentOf(guidOf(dataset));
}

async function makeStandIn(commands: ZfsCommands, volume: VolumePlace, family: Family, entry: Entry): Promise<void> {
  const component = componentOf(entry);
  const dataset = `${homeOf(family)}/${component}`;
  const there = family.trees.find(({ name }) => name === dataset);
  const options = [
    ...READING.flatMap((property) => {
      const value = family.live === null ? null : ownOf(family.live, property);
      return value === null ? [] : [`${property}=${value}`];
    }),
    'canmount=on',
    'readonly=on',
    'snapdir=hidden',
    'sharenfs=off',
    'sharesmb=off',
    // a snapshot of it would keep it
    `${NO_AUTO_SNAPSHOT}=false`,
    `mountpoint=${treePath(volume, component)}`,
    `${PLACE}=${guidOf(family.place)}`,
    `${STANDS_FOR}=${guidOf(entry.dataset)}`,
  ];
  try {
    // mounted by the same command, and by this one where somebody died before it was
    if (there === undefined)
      await commands.zfs(['clone', ...options.flatMap((option) => ['-o', option]), entry.dataset.name, dataset]);
    else await commands.zfs(['mount', dataset]);
  } catch (failure) {
    throw zfsError(volume, 'make a stand-in of', entry.dataset.name, failure, 'STAGE_FAILED');
  }
}

/** The mounted stand-in for this entry, by its component; null where there is none. */
function standInOf(volume: VolumePlace, family: Family, { dataset }: Entry, mounts: readonly Mount[]): string | null {
  const guid = guidOf(dataset);
  const found = family.trees.find((tree) => localOf(tree, STANDS_FOR) === guid);
  if (found === undefined) return null;
  const component = lastComponent(found.name);
  return datasetAt(treePath(volume, component), mounts) === found.name ? component : null;
}

/** Whoever looks a generation up by its name from now on reads its stand-in. Durable when it resolves. */
export async function leadAside(
  volume: VolumePlace,
  family: Family,
  mounts: readonly Mount[] = readMounts('self'),
): Promise<void> {
  let isTurned = false;
  let count = 0;
  for (const entry of family.entries) {
    const component =
      entry.kind === 'snapshot' && !isHiddenName(entry.name) ? standInOf(volume, family, entry, mounts) : null;
    if (component === null) continue;
    if (await writeLink(volume, entry.name, `${component}/${INSIDE}`)) isTurned = true;
    count += 1;
  }
  if (count === 0) return;
  await syncDirectory(volume.publishDirectory);
  if (isTurned) await walksAreOver();
  crashPoint('stand-ins.led-aside');
}

/**
 * Leads readers to the snapshots themselves, as far as these can be reached, and takes those stand-ins away that nobody is
 * in. Answers the family as it is then.
 */
export async function leadBack(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  isShown = isOpened,
): Promise<Family> {
  return translated(volume, 'lead the readers of generations back in', volume.publishDirectory, async () =>
    leadAllBack(commands, volume, family, isShown),
  );
}

async function leadAllBack(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  isShown: typeof isOpened,
): Promise<Family> {
  const standIns = family.trees.filter((tree) => snapshotOf(tree) !== null);
  if (standIns.length === 0) return family;
  const { needed, isTurned } = await leadEachBack(volume, family, new Set(standIns.map(snapshotOf)), isShown);
  // otherwise a power loss would leave links that lead to stand-ins which are gone
  await syncDirectory(volume.publishDirectory);
  if (isTurned) await walksAreOver();
  crashPoint('stand-ins.led-back');
  const idle = await unmounted(
    volume,
    standIns.filter((tree) => !needed.has(snapshotOf(tree))),
  );
  if (idle.length === 0) return family;
  await destroyEach(commands, idle);
  const after = await readFamily(commands, volume);
  await sweepTreeDirectories(volume, after);
  return after;
}

/** The same for whoever removes these names; nothing where somebody else's exchange is to come, which needs them. */
export async function leadBackLeft(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  removed: readonly string[],
  isShown = isOpened,
): Promise<Family> {
  return isExchangeAhead(family, removed) ? family : leadBack(commands, volume, family, isShown);
}

/** The guid of the snapshot that this dataset stands for; null where it is no stand-in. */
function snapshotOf(tree: Dataset): string | null {
  return localOf(tree, STANDS_FOR);
}

/** `needed`: the guids of those whose own way in is not there (yet). */
async function leadEachBack(
  volume: VolumePlace,
  family: Family,
  guids: ReadonlySet<string | null>,
  isShown: typeof isOpened,
): Promise<{ readonly needed: ReadonlySet<string | null>; readonly isTurned: boolean }> {
  const needed = new Set<string>();
  let isTurned = false;
  const writeBack = async (name: string, target: string): Promise<void> => {
    if (await writeLink(volume, name, target)) isTurned = true;
  };
  for (const entry of family.entries) {
    if (entry.kind !== 'snapshot' || !guids.has(guidOf(entry.dataset))) continue;
    const target = targetOf(volume, family, entry);
    if (await isShown(resolve(volume.publishDirectory, target))) await writeBack(entry.name, target);
    else needed.add(guidOf(entry.dataset));
  }
  return { needed, isTurned };
}

/**
 * Whether a snapshot's content can be seen there. Looked into by us, before anybody is led there: of several who are the first
 * to look into a snapshot at the same moment, the kernel turns some away. And where it cannot mount the snapshot it shows an
 * empty directory of its own, on the device of the dataset (openzfs/zfs#9461).
 */
export async function isOpened(path: string): Promise<boolean> {
  try {
    await readdir(path);
    return (await stat(path)).dev !== (await stat(dirname(path))).dev;
  } catch {
    return false;
  }
}

/** Takes their mounts away, but for those that somebody stays in; who was just reading there is waited for. */
async function unmounted(volume: VolumePlace, standIns: readonly Dataset[]): Promise<readonly Dataset[]> {
  const waiting = new Set(standIns);
  const unmountAll = (): void => {
    let busy: Error | null = null;
    for (const tree of waiting) {
      const path = treePath(volume, lastComponent(tree.name));
      try {
        if (datasetAt(path) === tree.name) unmountIdle(path);
        waiting.delete(tree);
      } catch (failure) {
        if (!(failure instanceof Error)) throw failure;
        busy = failure;
      }
    }
    if (busy !== null) throw busy;
  };
  await whenLetGo(async () => Promise.resolve().then(unmountAll), PATIENCE_MS).catch((failure: unknown) => {
    // EPERM: who only removes what root left; the last two: somebody else has just unmounted one
    if (!['EBUSY', 'EPERM', 'EINVAL', 'ENOENT'].includes(errnoOf(failure))) throw failure;
  });
  return standIns.filter((tree) => !waiting.has(tree));
}

/** One call for all. What cannot be destroyed, since another tool made a snapshot of it, is left to a later call. */
async function destroyEach(commands: ZfsCommands, datasets: readonly Dataset[]): Promise<void> {
  const names = datasets.map(({ name }) => name);
  await commands
    .zfs(['program', '-j', poolOf(names[0] ?? ''), '-', ...names], DESTROY_EACH)
    .catch((failure: unknown) => {
      // programs are root's, and so are exchanges: only who removes what root left meets this
      if (meaningOf(failure) !== 'denied') throw failure;
    });
}

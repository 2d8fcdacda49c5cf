/**
 * Deleting what the participant renamed to trash. A snapshot on which a tree depends is marked for deferred destruction,
 * and goes with it; a tree that still holds snapshots of live generations, which promotion has left with it, keeps them and
 * goes with the last. Neither is an entry any more.
 */
import { rmdir } from 'node:fs/promises';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { syncDirectory } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { meaningOf, translated, zfsError } from './failures.js';
import { entryOf, isDead, readFamily, snapshotsOf, type Entry, type Family } from './family.js';
import { entryPath, removeLink } from './links.js';
import { lastComponent } from './names.js';
import { BASE, DEAD, ENTRY, localOf, STAGED, valueOf, type Dataset } from './properties.js';
import { datasetAt, isGone, treePath } from './site.js';
import { HOLD_TAG } from './stage.js';

export async function remove(commands: ZfsCommands, volume: VolumePlace, names: readonly string[]): Promise<void> {
  for (const name of names) entryPath(volume, name);
  const family = await readFamily(commands, volume);
  const entries = names.map((name) => entryOf(family, name)).filter((entry) => entry !== null);
  crashPoint('remove.before');
  // snapshots first: a tree goes with the last of its own
  for (const entry of [...entries].sort(bySnapshotsFirst)) {
    if (entry.kind === 'tree') await removeTree(commands, volume, entry);
    else await removeSnapshot(commands, volume, entry.dataset);
    crashPoint('remove.after-first');
  }
  await removeEmptyTrees(commands, volume);
  await translated(volume, 'sync', volume.publishDirectory, async () => {
    for (const name of names) await removeForeign(volume, family, name);
    await syncDirectory(volume.publishDirectory);
  });
  crashPoint('remove.after');
}

function bySnapshotsFirst(one: Entry, other: Entry): number {
  return Number(one.kind === 'tree') - Number(other.kind === 'tree');
}

async function removeSnapshot(commands: ZfsCommands, volume: VolumePlace, snapshot: Dataset): Promise<void> {
  try {
    if (valueOf(snapshot, 'userrefs') !== '0') await releaseHold(commands, snapshot.name);
    await commands.zfs(['destroy', '-d', snapshot.name]);
  } catch (failure) {
    if (meaningOf(failure) !== 'absent') throw zfsError(volume, 'destroy', snapshot.name, failure);
  }
}

/** Others' holds stay: with them the snapshot is destroyed when they let go of it. */
async function releaseHold(commands: ZfsCommands, snapshot: string): Promise<void> {
  const { failure } = await commands.attempt(['release', HOLD_TAG, snapshot]);
  if (failure !== null && !/no such tag/i.test(failure.reason)) throw failure;
}

/** From here on it is no entry; it is destroyed once nothing of others' stands in it. */
async function removeTree(commands: ZfsCommands, volume: VolumePlace, { dataset }: Entry): Promise<void> {
  await translated(volume, 'give up', dataset.name, async () => {
    await commands.zfs(['set', `${DEAD}=on`, dataset.name]);
    await commands.attempt(['inherit', ENTRY, dataset.name]);
  });
}

/** Destroys the trees that are given up and hold no snapshot of a live generation any more. */
async function removeEmptyTrees(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  let family = await readFamily(commands, volume);
  for (let tree = emptyTree(family, new Set()), seen = new Set<string>(); tree !== null;) {
    await destroyTree(commands, volume, tree, snapshotsOf(family, tree));
    seen = seen.add(tree.name);
    family = await readFamily(commands, volume);
    tree = emptyTree(family, seen);
  }
}

function emptyTree(family: Family, seen: ReadonlySet<string>): Dataset | null {
  const isEmpty = (tree: Dataset): boolean => !snapshotsOf(family, tree).some((snapshot) => isOurs(snapshot));
  return family.trees.find((tree) => isDead(tree) && isEmpty(tree) && !seen.has(tree.name)) ?? null;
}

function isOurs(snapshot: Dataset): boolean {
  return localOf(snapshot, STAGED) !== null || localOf(snapshot, BASE) !== null;
}

async function destroyTree(
  commands: ZfsCommands,
  volume: VolumePlace,
  tree: Dataset,
  snapshots: readonly Dataset[],
): Promise<void> {
  const [foreign] = snapshots;
  if (foreign !== undefined) throw keptByOthers(volume, tree, foreign);
  const path = treePath(volume, lastComponent(tree.name));
  await translated(volume, 'destroy', tree.name, async () => {
    if (datasetAt(path) === tree.name) await commands.zfs(['unmount', tree.name]);
    await commands.zfs(['destroy', tree.name]);
    await rmdir(path).catch((failure: unknown) => {
      if (!isGone(failure)) throw failure;
    });
  });
  // A crash between making the clone and giving up its base left that to us.
  const origin = valueOf(tree, 'origin');
  if (origin !== null) await giveUpBase(commands, origin);
}

async function giveUpBase(commands: ZfsCommands, origin: string): Promise<void> {
  const { output } = await commands.attempt(['get', '-H', '-p', '-o', 'value,source', BASE, origin]);
  if (output.trimEnd().endsWith('\tlocal')) await commands.attempt(['destroy', '-d', origin]);
}

function keptByOthers(volume: VolumePlace, tree: Dataset, snapshot: Dataset): SnapcommitError {
  const message =
    `volume ${volume.name}: ${tree.name}, which is no longer needed, was not destroyed, because another tool made ` +
    `snapshots of it (${snapshot.name}); destroy them, and exclude ${tree.name} from that tool, then run \`snapcommit recover\``;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, dataset: tree.name, snapshot: snapshot.name });
}

/** The links of what is gone. What is somebody else's stays. */
async function removeForeign(volume: VolumePlace, family: Family, name: string): Promise<void> {
  if (entryOf(family, name) !== null) await removeLink(entryPath(volume, name));
}

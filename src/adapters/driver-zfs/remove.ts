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
import { translated } from './failures.js';
import { entryOf, isDead, isMade, readFamily, snapshotsOf, type Family } from './family.js';
import { entryPath, removeLink } from './links.js';
import { lastComponent } from './names.js';
import { whenLetGo } from './patience.js';
import { BASE, DEAD, localOf, valueOf, type Dataset } from './properties.js';
import { removeSnapshots } from './remove-snapshots.js';
import { isGone, treePath } from './site.js';
import { leadBackLeft } from './stand-ins.js';
import { sweepTreeDirectories } from './tree-directories.js';

export async function remove(commands: ZfsCommands, volume: VolumePlace, names: readonly string[]): Promise<void> {
  for (const name of names) entryPath(volume, name);
  // what somebody left who died in between, and what was read in then: a snapshot with a stand-in is not destroyed at once
  const family = await leadBackLeft(commands, volume, await readFamily(commands, volume), names);
  const entries = names.map((name) => entryOf(family, name)).filter((entry) => entry !== null);
  const trees = entries.filter(({ kind }) => kind === 'tree').map(({ dataset }) => dataset);
  crashPoint('remove.before');
  // snapshots first: a tree goes with the last of its own
  const snapshots = entries.filter(({ kind }) => kind !== 'tree').map(({ dataset }) => dataset);
  await removeSnapshots(commands, volume, snapshots);
  await removeTrees(commands, volume, family, trees);
  await translated(volume, 'sync', volume.publishDirectory, async () => {
    for (const { name } of entries) await removeLink(entryPath(volume, name));
    await sweepTreeDirectories(volume, family);
    await syncDirectory(volume.publishDirectory);
  });
  crashPoint('remove.after');
}

/** Destroys these trees, and those given up earlier, unless a snapshot of ours still stands in one. */
async function removeTrees(
  commands: ZfsCommands,
  volume: VolumePlace,
  before: Family,
  unwanted: readonly Dataset[],
): Promise<void> {
  if (unwanted.length === 0 && !before.trees.some((tree) => isDead(tree))) return;
  const family = await readFamily(commands, volume);
  const names = new Set(unwanted.map(({ name }) => name));
  let destroyed = 0;
  for (const tree of family.trees) {
    if (!names.has(tree.name) && !isDead(tree)) continue;
    const snapshots = snapshotsOf(family, tree);
    const [foreign] = snapshots.filter((snapshot) => !isMade(snapshot));
    if (snapshots.length === 0) {
      await destroyTree(commands, volume, tree);
      destroyed += 1;
    } else if (!isDead(tree) && foreign !== undefined) throw keptByOthers(volume, tree, foreign);
    else if (!isDead(tree))
      await translated(volume, 'give up', tree.name, () => commands.zfs(['set', `${DEAD}=on`, tree.name]));
    crashPoint('remove.after-first');
  }
  // one that was destroyed may have been the last that depended on a snapshot of another
  if (destroyed > 0) await removeTrees(commands, volume, family, []);
}

async function destroyTree(commands: ZfsCommands, volume: VolumePlace, tree: Dataset): Promise<void> {
  const path = treePath(volume, lastComponent(tree.name));
  await translated(volume, 'destroy', tree.name, async () => {
    await whenLetGo(async () => commands.zfs(['destroy', tree.name]));
    await rmdir(path).catch((failure: unknown) => {
      if (!isGone(failure)) throw failure;
    });
  });
  // A crash between making the clone and giving up its base left that to us.
  const origin = valueOf(tree, 'origin');
  if (origin !== null) await giveUpBase(commands, origin);
}

async function giveUpBase(commands: ZfsCommands, origin: string): Promise<void> {
  const [found] = await commands.describe([origin]).catch(() => []);
  if (found !== undefined && localOf(found, BASE) !== null) await commands.attempt(['destroy', '-d', origin]);
}

function keptByOthers(volume: VolumePlace, tree: Dataset, snapshot: Dataset): SnapcommitError {
  const message =
    `volume ${volume.name}: ${tree.name}, which is no longer needed, was not destroyed, because another tool made ` +
    `snapshots of it (${snapshot.name}); destroy them, and exclude ${tree.name} from that tool, then run \`snapcommit recover\``;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, dataset: tree.name, snapshot: snapshot.name });
}

/**
 * What changed in the live tree since a clone was taken from it. Two stages: the subvolume's transaction numbers say
 * "nothing changed" for certain and at once; where they moved, the items of the inodes that were written since are
 * compared with the clone's, since reading (atime) and defragmenting move the numbers too.
 *
 * Errs on one side only: it never misses a change, and may report one where it cannot tell.
 */
import { setImmediate } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { inodePath, ITEM_EXTENT_DATA, ITEM_INODE, treeItems, type TreeItem } from '../../native/btrfs-search.js';
import { subvolumeInfo } from '../../native/btrfs.js';
import { syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { sameContent } from './content.js';
import { entryPath, errnoOf, translated, withDirectory, withLive } from './place.js';

const MAXIMUM = 2n ** 64n - 1n;
const FIRST_INODE = 256n;
/** Above the inodes of files and directories stand the filesystem's own objects. */
const LAST_INODE = MAXIMUM - 256n;
const INODES_A_TURN = 64;

// offsets in an inode item
const TRANSACTION = 8;
const FLAGS = 64;
const ATIME = 112;
const ATIME_END = 124;
const NO_COPY_ON_WRITE = 2n;
/** Set by the filesystem itself where compressing did not pay; set by a user, it moves the change time as well. */
const NO_COMPRESSION = 8;

interface Trees {
  readonly live: number;
  readonly clone: number;
  readonly livePath: string;
  readonly clonePath: string;
}

export async function changedSince(volume: VolumePlace, cloneName: string, limit: number): Promise<readonly string[]> {
  const clonePath = entryPath(volume, cloneName);
  return withLive(volume, 'compare', async (live) => {
    // without it, what is still in memory is missed: also the transaction numbers are
    await syncFilesystem(volume.source);
    return translated(volume, 'compare with', clonePath, 'UNAVAILABLE', () =>
      withDirectory(clonePath, (clone) =>
        compare(volume, { live, clone, livePath: volume.source, clonePath }, Math.max(1, limit)),
      ),
    );
  });
}

async function compare(volume: VolumePlace, trees: Trees, limit: number): Promise<readonly string[]> {
  const live = subvolumeInfo(trees.live, trees.livePath);
  const clone = subvolumeInfo(trees.clone, trees.clonePath);
  if (clone.parentUuid !== live.uuid) {
    const message = `volume ${volume.name}: ${trees.clonePath} is not a clone of ${trees.livePath}, so they were not compared; somebody replaced one of them`;
    throw new SnapcommitError('CONFLICT', message, { volume: volume.name, path: trees.clonePath });
  }
  if (live.changeTransaction <= clone.originTransaction) return [];
  const changed: string[] = [];
  let turn = 0;
  for (const inode of touchedInodes(trees, clone.originTransaction)) {
    if (++turn % INODES_A_TURN === 0) await setImmediate();
    if (await isChanged(trees, inode)) changed.push(nameOf(trees.live, trees.livePath, inode));
    if (changed.length >= limit) break;
  }
  return changed;
}

/** Every change to an inode, its data or its attributes writes the inode's item again, with that transaction's number. */
function touchedInodes(trees: Trees, since: bigint): readonly bigint[] {
  const query = { firstInode: FIRST_INODE, lastInode: LAST_INODE, type: ITEM_INODE, sinceTransaction: since + 1n };
  const touched: bigint[] = [];
  for (const { inode, data } of treeItems(trees.live, trees.livePath, query))
    if (data.readBigUInt64LE(TRANSACTION) > since) touched.push(inode);
  return touched;
}

async function isChanged(trees: Trees, inode: bigint): Promise<boolean> {
  const live = itemsOf(trees.live, trees.livePath, inode);
  const clone = itemsOf(trees.clone, trees.clonePath, inode);
  const isData = (item: TreeItem): boolean => item.type === ITEM_EXTENT_DATA;
  const isOther = (item: TreeItem): boolean => !isData(item);
  if (!sameItems(live.filter(isOther), clone.filter(isOther))) return true;
  // written in place: the items need not show it
  const own = live.find(({ type }) => type === ITEM_INODE);
  if (own === undefined || (own.data.readBigUInt64LE(FLAGS) & NO_COPY_ON_WRITE) !== 0n) return true;
  if (sameItems(live.filter(isData), clone.filter(isData))) return false;
  // the data stands elsewhere: it was written again, or only moved by a defragmentation
  const path = inodePath(trees.live, inode, trees.livePath);
  return !(await sameContent(`${trees.livePath}/${path}`, `${trees.clonePath}/${path}`));
}

function itemsOf(fd: number, subject: string, inode: bigint): readonly TreeItem[] {
  return [...treeItems(fd, subject, { firstInode: inode, lastInode: inode, type: null, sinceTransaction: 0n })];
}

function sameItems(live: readonly TreeItem[], clone: readonly TreeItem[]): boolean {
  return (
    live.length === clone.length &&
    live.every((item, index) => {
      const other = clone[index];
      return other?.type === item.type && other.offset === item.offset && comparable(other).equals(comparable(item));
    })
  );
}

/** An item without what reading and defragmenting alone change. */
function comparable({ type, data }: TreeItem): Buffer {
  if (type !== ITEM_INODE) return data;
  const item = Buffer.from(data);
  item.fill(0, TRANSACTION, TRANSACTION + 8);
  item.fill(0, ATIME, ATIME_END);
  item.writeUInt8(item.readUInt8(FLAGS) & ~NO_COMPRESSION, FLAGS);
  return item;
}

function nameOf(fd: number, subject: string, inode: bigint): string {
  if (inode === FIRST_INODE) return '.';
  try {
    return inodePath(fd, inode, subject);
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return `(a deleted file, inode ${String(inode)})`;
    throw failure;
  }
}

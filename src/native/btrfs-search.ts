/** Reading a subvolume's own items (BTRFS_IOC_TREE_SEARCH_V2) and turning inode numbers into paths. Needs root. */
import { ioctl, requestReadWrite } from './ioctl.js';

const BTRFS = 0x94;
const SEARCH_HEADER_BYTES = 112;
const ITEM_HEADER_BYTES = 32;
const RESULT_BYTES = 64 * 1024;
const LOOKUP_BYTES = 4096;
const MAXIMUM = 2n ** 64n - 1n;

export const ITEM_INODE = 1;
export const ITEM_EXTENT_DATA = 108;

export interface TreeItem {
  readonly inode: bigint;
  readonly type: number;
  readonly offset: bigint;
  readonly data: Buffer;
}

export interface TreeQuery {
  readonly firstInode: bigint;
  readonly lastInode: bigint;
  readonly type: number | null;
  /** Only items of tree blocks written in this transaction or later (and their neighbours in the same block). */
  readonly sinceTransaction: bigint;
}

/** The items of the open subvolume, in key order. */
export function* treeItems(fd: number, subject: string, query: TreeQuery): Generator<TreeItem> {
  const argument = Buffer.alloc(SEARCH_HEADER_BYTES + RESULT_BYTES);
  let from: readonly [inode: bigint, type: number, offset: bigint] = [query.firstInode, 0, 0n];
  for (;;) {
    writeQuery(argument, query, from);
    // the request's size is that of the header: the result buffer follows it
    ioctl(fd, requestReadWrite(BTRFS, 17, SEARCH_HEADER_BYTES), argument, 'BTRFS_IOC_TREE_SEARCH_V2', subject);
    const count = argument.readUInt32LE(64);
    if (count === 0) return;
    let at = SEARCH_HEADER_BYTES;
    for (let index = 0; index < count; index++) {
      const inode = argument.readBigUInt64LE(at + 8);
      const offset = argument.readBigUInt64LE(at + 16);
      const type = argument.readUInt32LE(at + 24);
      const length = argument.readUInt32LE(at + 28);
      const start = at + ITEM_HEADER_BYTES;
      if (query.type === null || query.type === type)
        yield { inode, type, offset, data: Buffer.from(argument.subarray(start, start + length)) };
      at = start + length;
      from = [inode, type, offset];
    }
    const next = after(from);
    if (next === null || next[0] > query.lastInode) return;
    from = next;
  }
}

function writeQuery(argument: Buffer, query: TreeQuery, from: readonly [bigint, number, bigint]): void {
  argument.fill(0, 0, SEARCH_HEADER_BYTES);
  argument.writeBigUInt64LE(from[0], 8);
  argument.writeBigUInt64LE(query.lastInode, 16);
  argument.writeBigUInt64LE(from[2], 24);
  argument.writeBigUInt64LE(MAXIMUM, 32);
  argument.writeBigUInt64LE(query.sinceTransaction, 40);
  argument.writeBigUInt64LE(MAXIMUM, 48);
  argument.writeUInt32LE(from[1], 56);
  argument.writeUInt32LE(255, 60);
  argument.writeUInt32LE(0xffffffff, 64);
  argument.writeBigUInt64LE(BigInt(RESULT_BYTES), 104);
}

function after([inode, type, offset]: readonly [bigint, number, bigint]): readonly [bigint, number, bigint] | null {
  if (offset < MAXIMUM) return [inode, type, offset + 1n];
  if (type < 255) return [inode, type + 1, 0n];
  return inode < MAXIMUM ? [inode + 1n, 0, 0n] : null;
}

/** The path of one of the inode's names, relative to the open subvolume. Throws a SystemCallError (ENOENT) without one. */
export function inodePath(fd: number, inode: bigint, subject: string): string {
  const argument = Buffer.alloc(LOOKUP_BYTES);
  argument.writeBigUInt64LE(inode, 8);
  ioctl(fd, requestReadWrite(BTRFS, 18, LOOKUP_BYTES), argument, 'BTRFS_IOC_INO_LOOKUP', subject);
  const end = argument.indexOf(0, 16);
  return argument.toString('utf8', 16, end).replace(/\/$/, '');
}

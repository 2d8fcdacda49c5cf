/**
 * A floor of free space, looked at before SQLite touches its files. SQLite maps its WAL index (-shm) into memory, and on a
 * full btrfs, or where blocks are smaller than pages, the kernel answers a write to the map with SIGBUS: the process
 * would die between a sync and its answer (L6). With the floor, a full disk is a plain refusal.
 */
import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';

/** The WAL index is 32 KiB; reading creates it. */
export const READ_FLOOR_BYTES = 64 * 1024;
/** A batch, its checkpoint and SQLite's own growth; a larger one meets the real end of the disk, which is safe too. */
export const WRITE_FLOOR_BYTES = 256 * 1024;

/** ext2, ext3 and ext4, where what is kept for root counts for root. Elsewhere the difference is no space. */
const EXT_MAGIC = 0xef53;
/** What ext4 keeps for itself and still counts as free: at most this, and at most 2% of the disk. */
const EXT_KEPT_BLOCKS = 4096;

/** @throws STORE_FULL */
export function assertSpace(file: string, floorBytes: number): void {
  const { type, bsize, blocks: all, bfree, bavail } = statfsSync(dirname(file));
  const isRootOnExt = type === EXT_MAGIC && process.getuid?.() === 0;
  const blocks = isRootOnExt ? Math.max(bavail, bfree - Math.min(EXT_KEPT_BLOCKS, Math.ceil(all / 50))) : bavail;
  if (blocks * bsize >= floorBytes) return;
  const freeKibibytes = Math.floor((blocks * bsize) / 1024);
  throw new SnapcommitError(
    'STORE_FULL',
    `the filesystem of ${file} is full (${String(freeKibibytes)} KiB are left); nothing was written. Free some space and run the command again`,
    { file, freeBytes: blocks * bsize, floorBytes },
  );
}

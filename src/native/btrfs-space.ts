/** What libbtrfsutil does not tell of a filesystem: its identity, and how much room its metadata has (ioctls). */
import { formatUuid } from './btrfs.js';
import { ioctl, requestRead, requestReadWrite } from './ioctl.js';

const BTRFS = 0x94;
const FS_INFO_BYTES = 1024;
const DEV_INFO_BYTES = 4096;
const SPACE_HEADER_BYTES = 16;
const SPACE_ENTRY_BYTES = 24;
const METADATA = 1n << 2n;
const GLOBAL_RESERVE = 1n << 49n;
/** Block group profiles by how many copies they keep: RAID1, DUP, RAID10 two; RAID1C3 three; RAID1C4 four. */
const COPIES: readonly (readonly [flags: bigint, copies: bigint])[] = [
  [(1n << 4n) | (1n << 5n) | (1n << 6n), 2n],
  [1n << 9n, 3n],
  [1n << 10n, 4n],
];

interface FilesystemInfo {
  readonly uuid: string;
  readonly maxDeviceId: bigint;
}

function filesystemInfo(fd: number, subject: string): FilesystemInfo {
  const info = Buffer.alloc(FS_INFO_BYTES);
  ioctl(fd, requestRead(BTRFS, 31, FS_INFO_BYTES), info, 'BTRFS_IOC_FS_INFO', subject);
  return { uuid: formatUuid(info.subarray(16, 32)), maxDeviceId: info.readBigUInt64LE(0) };
}

/** The UUID of the filesystem that holds the open file. Throws a SystemCallError (ENOTTY) on another filesystem. */
export function filesystemUuid(fd: number, subject: string): string {
  return filesystemInfo(fd, subject).uuid;
}

/** Bytes that metadata can still take: what its block groups have left beyond the reserve, and unallocated space. */
export function metadataFree(fd: number, subject: string): number {
  let free = 0n;
  let copies = 1n;
  for (const space of spaces(fd, subject)) {
    if ((space.flags & GLOBAL_RESERVE) !== 0n) free -= space.total;
    else if ((space.flags & METADATA) !== 0n) {
      free += space.total - space.used;
      copies = COPIES.find(([flags]) => (space.flags & flags) !== 0n)?.[1] ?? 1n;
    }
  }
  free += unallocated(fd, subject) / copies;
  return free > 0n ? Number(free) : 0;
}

function spaces(fd: number, subject: string): readonly { flags: bigint; total: bigint; used: bigint }[] {
  const query = requestReadWrite(BTRFS, 20, SPACE_HEADER_BYTES);
  const count = Buffer.alloc(SPACE_HEADER_BYTES);
  ioctl(fd, query, count, 'BTRFS_IOC_SPACE_INFO', subject);
  const slots = Number(count.readBigUInt64LE(8));
  const answer = Buffer.alloc(SPACE_HEADER_BYTES + slots * SPACE_ENTRY_BYTES);
  answer.writeBigUInt64LE(BigInt(slots), 0);
  ioctl(fd, query, answer, 'BTRFS_IOC_SPACE_INFO', subject);
  const filled = Math.min(slots, Number(answer.readBigUInt64LE(8)));
  return Array.from({ length: filled }, (_, index) => {
    const at = SPACE_HEADER_BYTES + index * SPACE_ENTRY_BYTES;
    return {
      flags: answer.readBigUInt64LE(at),
      total: answer.readBigUInt64LE(at + 8),
      used: answer.readBigUInt64LE(at + 16),
    };
  });
}

function unallocated(fd: number, subject: string): bigint {
  let bytes = 0n;
  const { maxDeviceId } = filesystemInfo(fd, subject);
  for (let id = 1n; id <= maxDeviceId; id++) {
    const device = Buffer.alloc(DEV_INFO_BYTES);
    device.writeBigUInt64LE(id, 0);
    try {
      ioctl(fd, requestReadWrite(BTRFS, 30, DEV_INFO_BYTES), device, 'BTRFS_IOC_DEV_INFO', subject);
    } catch {
      continue; // device ids have gaps where devices were removed
    }
    // allocated at 24, size at 32
    bytes += device.readBigUInt64LE(32) - device.readBigUInt64LE(24);
  }
  return bytes;
}

/** The kernel's table of file locks (/proc/locks). */
import { closeSync, openSync, readFileSync, type BigIntStats } from 'node:fs';
import { readMounts } from './mountinfo.js';

/** FLOCK: of flock(2); POSIX: of fcntl(2), as SQLite's are. */
export type LockKind = 'FLOCK' | 'POSIX';

/**
 * The pids that took a lock of that kind on the file with these `stats`; dead ones too, and none of another pid namespace.
 * `at` is on the same mount, and is opened for a moment: where the file itself is, our own POSIX locks on it are lost by that.
 */
export function lockersOf(stats: BigIntStats, kind: LockKind, at: string): readonly number[] {
  const key = lockKey(stats, at);
  if (key === null) return [];
  const lines = readFileSync('/proc/locks', 'utf8').split('\n');
  return lines.flatMap((line) => {
    // A line with `->` in the second place is somebody who waits.
    const [, type, , , pid, place] = line.split(/\s+/);
    return type === kind && place === key ? [Number(pid)] : [];
  });
}

/**
 * `major:minor:inode` as /proc/locks has it: the superblock's device, which on btrfs is not the file's st_dev. null
 * where `at` was forgotten meanwhile.
 */
function lockKey(stats: BigIntStats, at: string): string | null {
  const fd = openIfPresent(at);
  if (fd === null) return null;
  try {
    const mount = Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${String(fd)}`, 'utf8'))?.[1]);
    const device = readMounts('self').find(({ id }) => id === mount)?.device ?? '0:0';
    const hex = device.split(':').map((part) => Number(part).toString(16).padStart(2, '0'));
    return `${hex.join(':')}:${String(stats.ino)}`;
  } finally {
    closeSync(fd);
  }
}

function openIfPresent(file: string): number | null {
  try {
    return openSync(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

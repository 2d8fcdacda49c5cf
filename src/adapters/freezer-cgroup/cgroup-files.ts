/**
 * The files of one cgroup that freezing needs. Imports node:fs and nothing else: the guard's process loads it, and must
 * start quickly and stay small.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs';

/** One cgroup of a freeze: where it is, and which directory it was when the freeze was armed. */
export interface CgroupTarget {
  /** Below the cgroup2 mount, such as `/app/writers`. */
  readonly cgroup: string;
  /** Absolute path in the filesystem. */
  readonly directory: string;
  /** The directory's inode, decimal. A cgroup made again under the same path has another one. */
  readonly inode: string;
}

/** The directory's inode, or null where there is no such cgroup. */
export function cgroupInode(directory: string): string | null {
  const stats = statSync(directory, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : String(stats.ino);
}

/** Whether somebody asked for a freeze of this very cgroup. */
export function freezeRequested(directory: string): boolean {
  return readFileSync(`${directory}/cgroup.freeze`, 'utf8').trim() === '1';
}

/** Whether every process in it and below stands still, for whatever reason. */
export function standsStill(directory: string): boolean {
  return /^frozen 1$/m.test(readFileSync(`${directory}/cgroup.events`, 'utf8'));
}

/** Why this target is not, or no longer, held still by a freeze; null when it is. */
export function whyNotHeld(target: CgroupTarget): string | null {
  try {
    const inode = cgroupInode(target.directory);
    if (inode === null) return `${target.cgroup} was removed`;
    if (inode !== target.inode) return `${target.cgroup} was removed and made again`;
    if (!freezeRequested(target.directory)) return `${target.cgroup} was thawed by somebody else`;
    if (!standsStill(target.directory)) return `${target.cgroup} does not stand still`;
    return null;
  } catch (error) {
    return `${target.cgroup} cannot be read: ${String(error)}`;
  }
}

/**
 * Takes a freeze request back, whether or not the cgroup ever stood still (G3: a freeze that failed may still take
 * effect later). Leaves a cgroup alone that was made again under the same path. Throws when the write fails.
 */
export function thaw(target: CgroupTarget): 'thawed' | 'notFrozen' | 'gone' {
  if (cgroupInode(target.directory) !== target.inode) return 'gone';
  try {
    if (!freezeRequested(target.directory)) return 'notFrozen';
    writeFileSync(`${target.directory}/cgroup.freeze`, '0');
    return 'thawed';
  } catch (error) {
    // It may vanish between the look and the write.
    if (cgroupInode(target.directory) !== target.inode) return 'gone';
    throw error;
  }
}

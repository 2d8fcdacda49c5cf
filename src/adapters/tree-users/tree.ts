/**
 * What belongs to a tree. A btrfs subvolume is told by its own device number, which stat gives for every file in it
 * and for no other; a plain directory by the path inside its filesystem. Neither goes by the path that a process sees:
 * in another namespace, or behind another mount, the same tree has another path.
 */
import { closeSync, constants, openSync, readFileSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import { isWithin, type Mount } from '../../native/mountinfo.js';
import type { MountTables } from './namespaces.js';

const BTRFS_MAGIC = 0x9123683e;
const SUBVOLUME_ROOT_INODE = 256;
const O_PATH = 0o10000000;

export interface Tree {
  /** Where it stands for us, without symlinks. */
  readonly path: string;
  /** What stat says of the files in it. */
  readonly fileDevice: number;
  /** What the tables of mounts and mappings say: the superblock's `major:minor`. */
  readonly device: string;
  /** Its path inside its filesystem. */
  readonly inside: string;
  readonly isSubvolume: boolean;
}

/** An open file or directory as /proc shows it, by the mount that it was reached through. */
export interface Reached {
  /** A link in /proc that leads to it. */
  readonly link: string;
  /** Its path as the link reads. */
  readonly path: string;
  readonly mountId: number;
}

/** Examines `path`, a directory. Throws VOLUME_UNAVAILABLE when it cannot be reached. */
export function describeTree(path: string, tables: MountTables): Tree {
  try {
    const fd = openSync(path, O_PATH | constants.O_DIRECTORY);
    try {
      const link = `/proc/self/fd/${String(fd)}`;
      const real = readlinkSync(link);
      const mount = tables.byId.get(mountIdOf(`/proc/self/fdinfo/${String(fd)}`));
      if (mount === undefined) throw new Error('its mount is in no table');
      const found = statSync(link);
      return {
        path: real,
        fileDevice: found.dev,
        device: mount.device,
        inside: insidePath(mount, real),
        isSubvolume: statfsSync(real).type === BTRFS_MAGIC && found.ino === SUBVOLUME_ROOT_INODE,
      };
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    const message = `${path} cannot be examined for users; check that it exists and is mounted`;
    throw new SnapcommitError('VOLUME_UNAVAILABLE', message, { path }, cause);
  }
}

/** Whether what a process has open belongs to the tree. Touches no other filesystem than the tree's own. */
export function belongs(tree: Tree, reached: Reached, tables: MountTables): boolean {
  const mount = tables.byId.get(reached.mountId);
  if (mount === undefined) {
    // The mount was taken away lazily, or its namespace has no process: for a plain directory we cannot know better.
    return statSync(reached.link).dev === tree.fileDevice;
  }
  if (mount.device !== tree.device) return false;
  if (tree.isSubvolume) return statSync(reached.link).dev === tree.fileDevice;
  return isWithin(insidePath(mount, reached.path), tree.inside);
}

/** The path inside its filesystem of what stands at `path` on that mount. */
export function insidePath(mount: Mount, path: string): string {
  const below = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  const inside = mount.root === '/' ? below : mount.root + below;
  return inside.length > 1 && inside.endsWith('/') ? inside.slice(0, -1) : inside || '/';
}

/** Reads an fdinfo file. Says nothing to the filesystem of the file itself, which may be a dead server's. */
export function mountIdOf(fdinfo: string): number {
  return Number(/^mnt_id:\s*(\d+)$/m.exec(readFileSync(fdinfo, 'utf8'))?.[1] ?? '-1');
}

/** Follows a link in /proc that has no fdinfo (cwd, root, a mapping). */
export function reach(link: string): Reached {
  const fd = openSync(link, O_PATH);
  try {
    const own = `/proc/self/fd/${String(fd)}`;
    return { link, path: readlinkSync(own), mountId: mountIdOf(`/proc/self/fdinfo/${String(fd)}`) };
  } finally {
    closeSync(fd);
  }
}

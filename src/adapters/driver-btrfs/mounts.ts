/** The mounts of this mount namespace, as far as the driver asks: which mount shows a path, and where it leads to. */
import { isWithin, type Mount } from '../../native/mountinfo.js';

export function isBelow(path: string, directory: string): boolean {
  return path !== directory && isWithin(path, directory);
}

/** Where `path`, seen through `mount`, stands in the filesystem itself. */
export function pathInFilesystem(mount: Mount, path: string): string {
  const below = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  const joined = `${mount.root === '/' ? '' : mount.root}${below}`;
  return joined === '' ? '/' : joined.replace(/(.)\/$/, '$1');
}

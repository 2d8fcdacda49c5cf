/** The mounts of this mount namespace, as far as the driver asks: which mount shows a path, and where it leads to. */
import { isWithin, type Mount } from '../../native/mountinfo.js';

export function isBelow(path: string, directory: string): boolean {
  return path !== directory && isWithin(path, directory);
}

/** The mounts at exactly `path`, the visible one first: it is the one that no other of them stands on. */
export function mountsAt(mounts: readonly Mount[], path: string): readonly Mount[] {
  const here = mounts.filter((mount) => mount.mountPoint === path);
  const covered = (mount: Mount): boolean => here.some((other) => other.parent === mount.id);
  return [...here.filter((mount) => !covered(mount)), ...here.filter(covered)];
}

/** The mount that shows `path`. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: string | undefined;
  for (const { mountPoint } of mounts) {
    if (isWithin(path, mountPoint) && (best === undefined || mountPoint.length > best.length)) best = mountPoint;
  }
  return best === undefined ? undefined : mountsAt(mounts, best)[0];
}

/** Where `path`, seen through `mount`, stands in the filesystem itself. */
export function pathInFilesystem(mount: Mount, path: string): string {
  const below = mount.mountPoint === '/' ? path : path.slice(mount.mountPoint.length);
  const joined = `${mount.root === '/' ? '' : mount.root}${below}`;
  return joined === '' ? '/' : joined.replace(/(.)\/$/, '$1');
}

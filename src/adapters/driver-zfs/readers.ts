/**
 * Those who read generations, beside an exchange or a deletion. A snapshot is mounted by the kernel for whoever looks into it, below the
 * dataset that it is of. A promotion takes all of these mounts away, and fails where somebody is in one: so that is looked at
 * before anything is decided. Who comes by a generation's name meanwhile is led to its stand-in (stand-ins.ts).
 */
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { unmountIdle } from '../../native/mount-swap.js';
import { readMounts, type Mount } from '../../native/mountinfo.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { errnoOf } from './failures.js';
import { whenLetGo } from './patience.js';

/** Where the kernel mounts them, below the dataset. */
const SNAPSHOTS = '/.zfs/snapshot';

/** @throws IN_USE where somebody stays in a snapshot of the live dataset. */
export async function assertNoReaders(volume: VolumePlace): Promise<void> {
  const directory = `${volume.source}${SNAPSHOTS}`;
  for (const { mountPoint } of readMounts('self').filter((mount) => dirname(mount.mountPoint) === directory)) {
    try {
      // who only looks in again and again is let in again
      await whenLetGo(() => {
        unmountIdle(mountPoint);
        return Promise.resolve();
      });
    } catch (failure) {
      if (errnoOf(failure) === 'EBUSY') throw inUse(volume, mountPoint, failure);
      // it has gone by itself
      if (!['EINVAL', 'ENOENT'].includes(errnoOf(failure))) throw failure;
    }
  }
}

/**
 * Takes away what the kernel has mounted of a snapshot, where nobody is in it. The kernel finds such a mount by the name that
 * the snapshot had when somebody looked into it: where it was renamed by a program, or while somebody was in it, a
 * `zfs destroy` does not find it, and says "busy" until the next boot.
 */
export function unmountSnapshot(snapshot: string): void {
  for (const mountPoint of mountPointsOf(snapshot, readMounts('self'))) {
    try {
      unmountIdle(mountPoint);
    } catch (failure) {
      // somebody is in it, it has gone by itself, or we may not
      if (!['EBUSY', 'EINVAL', 'ENOENT', 'EPERM'].includes(errnoOf(failure))) throw failure;
    }
  }
}

/** Where the kernel has mounted it, by whatever name it had then; what somebody mounted elsewhere is theirs. */
export function mountPointsOf(snapshot: string, mounts: readonly Mount[]): readonly string[] {
  return mounts
    .filter(({ type, source }) => type === 'zfs' && source === snapshot)
    .map(({ mountPoint }) => mountPoint)
    .filter((mountPoint) => dirname(mountPoint).endsWith(SNAPSHOTS));
}

function inUse(volume: VolumePlace, path: string, failure: unknown): SnapcommitError {
  const message = `volume ${volume.name} (${volume.source}): somebody is reading in ${path}, and ZFS cannot replace a live dataset meanwhile; see who it is (fuser -vm ${path}), and try again when nobody reads there`;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, path }, failure);
}

/** Whether the live dataset can be exchanged for a clone of it, and the reason for people where it cannot. */
import { release } from 'node:os';
import { dirname } from 'node:path';
import { isWithin, type Mount, mountOf, mountsAt } from '../../native/mountinfo.js';
import type { Inspection, VolumePlace } from '../../ports/volume-driver.js';
import { parentOf } from './names.js';
import { valueOf, type Dataset } from './properties.js';
import { datasetOfMount } from './site.js';

export function exchangePossible(
  place: VolumePlace,
  live: Dataset,
  children: readonly string[],
  mounts: readonly Mount[],
): Inspection['exchange'] {
  const reason = obstacle(place, live, children, mounts);
  return reason === null ? { possible: true } : { possible: false, reason };
}

function obstacle(
  { source }: VolumePlace,
  live: Dataset,
  children: readonly string[],
  mounts: readonly Mount[],
): string | null {
  if (parentOf(live.name) === null) return `${live.name} is its pool’s root dataset, which cannot be renamed`;
  if (valueOf(live, 'encryptionroot') === live.name && valueOf(live, 'keylocation') === 'prompt')
    return `${live.name} is an encryption root whose key is typed in (keylocation=prompt), and ZFS forgets the key when a clone is promoted; set keylocation to a file or address, or put the dataset below an encrypted one`;
  const [child] = children;
  if (child !== undefined) return `${live.name} has child datasets (${child}), which would go away with the old tree`;
  const below = mounts.find(
    ({ mountPoint }) => mountPoint !== source && isWithin(mountPoint, source) && !isAutomatic(mountPoint),
  );
  if (below !== undefined) return `${below.mountPoint} is mounted inside ${source} and would not be in the new tree`;
  const elsewhere = mounts.find((mount) => datasetOfMount(mount) === live.name && mount.mountPoint !== source);
  if (elsewhere !== undefined) return `${live.name} is also mounted at ${elsewhere.mountPoint}; unmount it there`;
  if (process.geteuid?.() !== 0) return 'replacing a mount needs root';
  return obstacleOfMount(source, mounts);
}

/** Snapshots that readers look into are mounted below `.zfs` by the kernel, and go away by themselves. */
function isAutomatic(mountPoint: string): boolean {
  return mountPoint.includes('/.zfs/snapshot/');
}

/** The mount is replaced from beneath, so that nobody can write at the live path meanwhile. */
function obstacleOfMount(source: string, mounts: readonly Mount[]): string | null {
  const [mount] = mountsAt(mounts, source);
  const around = mounts.find(({ id }) => id === mount?.parent) ?? mountOf(mounts, dirname(source));
  if (around?.shared === true || kernelMountsBeneath()) return null;
  return `${around?.mountPoint ?? dirname(source)} is a private mount, in which a mount is replaced without a gap only from Linux 6.5 on (this is ${release()}); mount --make-shared it`;
}

export function kernelMountsBeneath(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 5);
}

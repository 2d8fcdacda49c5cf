/** Whether the live tree can be exchanged where it stands, and the reason for people where it cannot. */
import { access, constants, readFile } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname } from 'node:path';
import { defaultSubvolume, subvolumeInfo } from '../../native/btrfs.js';
import type { Mount } from '../../native/mountinfo.js';
import { mountsAt } from '../../native/mountinfo.js';
import type { Inspection, VolumePlace } from '../../ports/volume-driver.js';
import { isMountedById } from './fstab.js';
import { isBelow } from './mounts.js';
import { errnoOf } from './place.js';
import { obstacleAside } from './site.js';

const TOP_LEVEL = 5n;
const ELSEWHERE = 'give a publish directory elsewhere on the same filesystem (volume add --publish DIR)';

export async function exchangePossible(
  place: VolumePlace,
  fd: number,
  mounts: readonly Mount[],
): Promise<Inspection['exchange']> {
  const reason = (await obstacle(place, fd, mounts)) ?? (await beside(place));
  return reason === null ? { possible: true } : { possible: false, reason };
}

async function obstacle(place: VolumePlace, fd: number, mounts: readonly Mount[]): Promise<string | null> {
  const { source, publishDirectory } = place;
  const { id } = subvolumeInfo(fd, source);
  if (id === TOP_LEVEL) return `${source} is the root of its filesystem (subvolume 5), which cannot be renamed`;
  const below = mounts.find(({ mountPoint }) => isBelow(mountPoint, source));
  if (below !== undefined) return `${below.mountPoint} is mounted inside ${source} and would not be in the new tree`;
  const [mount] = mountsAt(mounts, source);
  if (mount !== undefined) return obstacleOfMount(place, mount, id, fd);
  if (isBelow(publishDirectory, source)) return insidePublish(place);
  try {
    await access(dirname(source), constants.W_OK);
    return null;
  } catch {
    return `${dirname(source)}, in which the exchange happens, is not writable`;
  }
}

/** Where the exchange needs a mount of its own, so does looking. */
async function beside(place: VolumePlace): Promise<string | null> {
  return obstacleAside(place).catch((failure: unknown) => {
    if (!['EPERM', 'EACCES'].includes(errnoOf(failure))) throw failure;
    return `the exchange of ${place.source} needs a private mount of its filesystem, which this user may not make`;
  });
}

function insidePublish({ source, publishDirectory }: VolumePlace): string {
  return `the publish directory ${publishDirectory} lies inside ${source} and would go away with the old tree; ${ELSEWHERE}`;
}

async function obstacleOfMount(place: VolumePlace, mount: Mount, id: bigint, fd: number): Promise<string | null> {
  const { source, publishDirectory } = place;
  if (isBelow(publishDirectory, source)) return `${source} is a mount point: ${insidePublish(place)}`;
  if (mount.root === '/') return `${source} is a mount of the whole filesystem`;
  if (process.geteuid?.() !== 0) return `${source} is a mount point, and replacing a mount needs root`;
  if (!kernelMountsBeneath())
    return `${source} is a mount point, and replacing a mount without a gap needs Linux 6.5, this is ${release()}`;
  if (defaultSubvolume(fd, source) === id)
    return `${source} is the filesystem's default subvolume, so that the next mount would show the old tree; mount it by name (subvol=NAME) and set another default`;
  if (isMountedById(await readFile('/etc/fstab', 'utf8').catch(() => ''), source))
    return `/etc/fstab mounts ${source} by subvolid, so that the next boot would show the old tree; mount it by name (subvol=NAME)`;
  return null;
}

function kernelMountsBeneath(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 5);
}

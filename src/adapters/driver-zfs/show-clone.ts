/**
 * What the live path shows: the dataset that has the live name now. It is mounted beneath the one that stands there, and
 * then that one is taken away, so that the path shows a tree of ours at every moment.
 */
import { dirname } from 'node:path';
import { closeSync } from 'node:fs';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { type Mount, mountOf, mountsAt, readMounts } from '../../native/mountinfo.js';
import { detachMount, mountBeneath, mountDetached } from '../../native/mount-swap.js';
import { mountFilesystem, mountTucked } from '../../native/mount-tuck.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import type { Family } from './family.js';
import { guidOf, valueOf } from './properties.js';
import { datasetOfMount } from './site.js';

/** ZFS must be told where it is mounted: there it mounts the snapshots that are looked into. */
const MOUNT_POINT = 'mntpoint';
const WORKSHOPS = '/run/snapcommit-zfs';

/** True where something was to be done. */
export async function showClone(commands: ZfsCommands, volume: VolumePlace, family: Family): Promise<boolean> {
  const { source } = volume;
  const mounts = readMounts('self');
  const [upper, ...lower] = mountsAt(mounts, source);
  if (upper === undefined) {
    await mountLive(commands, volume, family);
    return true;
  }
  if (datasetOfMount(upper) === family.liveName) return false;
  // a crash between the two calls left ours beneath already
  if (!lower.some((mount) => datasetOfMount(mount) === family.liveName)) putBeneath(volume, family, upper, mounts);
  crashPoint('exchange.after-mount-beneath');
  detachMount(source);
  return true;
}

/** After a reboot in the middle nothing is mounted there. */
async function mountLive(commands: ZfsCommands, { source }: VolumePlace, { live, liveName }: Family): Promise<void> {
  const isLegacy = live !== null && valueOf(live, 'mountpoint') === 'legacy';
  if (isLegacy) mountFilesystem('zfs', liveName, source, mountData(source));
  else await commands.zfs(['mount', liveName]);
}

function putBeneath(volume: VolumePlace, family: Family, upper: Mount, mounts: readonly Mount[]): void {
  const { source } = volume;
  const parent = mounts.find(({ id }) => id === upper.parent) ?? mountOf(mounts, dirname(source));
  // the old one is read-only, the new one is not
  const options = upper.options.filter((option) => option !== 'ro');
  if (parent?.shared === true) {
    const workshop = `${WORKSHOPS}-${guidOf(family.place)}`;
    mountTucked({
      workshop,
      type: 'zfs',
      source: family.liveName,
      at: source,
      parent: parent.mountPoint,
      options,
      data: mountData(source),
    });
    if (mountsAt(readMounts('self'), source).some((mount) => datasetOfMount(mount) === family.liveName)) return;
    throw notBeneath(volume, family.liveName);
  }
  const detached = mountDetached('zfs', family.liveName, { [MOUNT_POINT]: source });
  try {
    mountBeneath(detached, source, options);
  } finally {
    closeSync(detached);
  }
}

function mountData(source: string): string {
  return `${MOUNT_POINT}=${source}`;
}

function notBeneath(volume: VolumePlace, dataset: string): SnapcommitError {
  const message = `volume ${volume.name}: ${dataset} could not be mounted beneath what stands at ${volume.source}; unmount that by hand (umount ${volume.source}), mount the dataset (zfs mount ${dataset}), and run \`snapcommit recover\``;
  return new SnapcommitError('UNAVAILABLE', message, { volume: volume.name, path: volume.source, dataset });
}

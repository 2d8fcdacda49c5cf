/**
 * Those who read generations while the live dataset is exchanged. A snapshot is mounted by the kernel when somebody looks into
 * it, below the dataset that it is of, and once: as long as that mount is in use, whoever comes by another way finds an empty
 * directory. A promotion gives the snapshots to the clone, which is shown at the live path some steps later.
 */
import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Mount } from '../../native/mountinfo.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { Family } from './family.js';
import { splitSnapshot } from './names.js';

/** Below a dataset's mount point. */
const SNAPSHOTS = '.zfs/snapshot';

/** What is mounted when its snapshot goes over to the clone stays so, also beside an exchange that somebody died in. */
export async function lookIntoAll({ source }: VolumePlace, { liveName, entries }: Family): Promise<void> {
  const snapshots = entries.flatMap(({ dataset }) => splitSnapshot(dataset.name) ?? []);
  const here = snapshots.filter(({ dataset }) => dataset === liveName);
  // the slash: only who goes in has it mounted
  await Promise.allSettled(here.map(async ({ snapshot }) => stat(`${join(source, SNAPSHOTS, snapshot)}/`)));
}

/** Where snapshots are mounted, relative to the live path: the new dataset shows these mounts, too, from the beginning. */
export function snapshotsMounted(source: string, mounts: readonly Mount[]): readonly string[] {
  const directory = join(source, SNAPSHOTS);
  return mounts.flatMap(({ mountPoint }) =>
    dirname(mountPoint) === directory ? [join(SNAPSHOTS, basename(mountPoint))] : [],
  );
}

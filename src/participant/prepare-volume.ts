/** What must hold on a volume before anything is made there. */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Epoch, VolumeRecord } from '../machine/entry.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { raiseStamp, readStamp } from './stamps.js';

/**
 * Free space and the stamp. What is made next on this volume makes the stamp durable with it. A stamp beyond `epoch` says
 * that somebody has acted here on what was chosen later: no transaction begins on a volume while another is open on it.
 */
export async function prepareVolume(
  context: Context,
  driver: VolumeDriver,
  place: VolumeRecord,
  epoch: Epoch,
): Promise<void> {
  await atVolume(place, async () => prepare(context, driver, place, epoch));
}

async function prepare(context: Context, driver: VolumeDriver, place: VolumeRecord, epoch: Epoch): Promise<void> {
  const free = await driver.freeSpace(place);
  const floor = context.settings.freeFloorBytes;
  if (Math.min(free.dataBytes, free.metadataBytes) < floor) {
    throw new SnapcommitError(
      'NO_SPACE',
      `volume ${place.name} has ${String(free.dataBytes)} bytes for data and ${String(free.metadataBytes)} for metadata ` +
        `free; a commit wants ${String(floor)} of each. Free some space or lower the floor (freeFloorBytes).`,
      { volume: place.name, dataBytes: free.dataBytes, metadataBytes: free.metadataBytes, floorBytes: floor },
    );
  }
  const { cluster, incarnation } = context.log.identity;
  const stamp = await readStamp(context.files, place.publishDirectory);
  if (stamp?.cluster === cluster && stamp.incarnation === epoch.incarnation && stamp.slot > epoch.slot) {
    throw new SnapcommitError(
      'STALE_EPOCH',
      `volume ${place.name} was acted on at slot ${String(stamp.slot)}, after this transaction’s ${String(epoch.slot)}`,
      { volume: place.name, stampSlot: stamp.slot, slot: epoch.slot },
    );
  }
  crashPoint('stamp.before');
  await raiseStamp(context.files, place.publishDirectory, { cluster, incarnation, slot: epoch.slot });
  crashPoint('stamp.after');
}

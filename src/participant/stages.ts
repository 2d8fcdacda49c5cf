/**
 * Stage calls of one round: one for every volume, or for all volumes of a pool. What can be done before the freeze is done
 * by `openStages`, what can wait by `closeStages`.
 */
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import type { StageCall } from '../ports/volume-driver.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { byPool, type Batch } from './pools.js';

export interface OpenStage {
  readonly places: readonly [VolumeRecord, ...VolumeRecord[]];
  readonly staged: string;
  readonly call: StageCall;
}

/** Runs something under the locks of these volumes, and of no others. */
export type UnderLocks = <T>(places: readonly VolumeRecord[], action: () => Promise<T>) => Promise<T>;

/**
 * Opens the stage calls of all volumes, under this hidden name. All or none are open afterwards. `underLocks`, since what a
 * driver starts here may be what changes the volume in `take`.
 */
export async function openStages(
  context: Context,
  places: readonly VolumeRecord[],
  staged: string,
  underLocks: UnderLocks,
): Promise<readonly OpenStage[]> {
  const batches = await byPool(context, places);
  const opening = await Promise.allSettled(
    batches.map(async (batch) =>
      underLocks(batch.places, async () => atVolume(batch.places[0], async () => openStage(batch, staged))),
    ),
  );
  const opened = opening.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = opening.find((result) => result.status === 'rejected');
  if (failed === undefined) return opened;
  await closeStages(opened);
  throw failed.reason;
}

export async function closeStages(stages: readonly OpenStage[]): Promise<void> {
  await Promise.all(stages.map(async ({ call }) => call.close()));
}

async function openStage({ driver, places }: Batch, staged: string): Promise<OpenStage> {
  if (driver.pools !== null) return { places, staged, call: await driver.pools.openStage(places, staged) };
  const [place] = places;
  if (driver.openStage !== null) return { places, staged, call: await driver.openStage(place, staged) };
  let id = '';
  const take = async (): Promise<void> => {
    ({ id } = await driver.stage(place, staged));
  };
  return { places, staged, call: { take, identity: async () => id, close: async () => undefined } };
}

export async function stagedVolumes({ places, staged, call }: OpenStage): Promise<readonly ManifestVolume[]> {
  return Promise.all(
    places.map(async (place): Promise<ManifestVolume> => {
      const id = await atVolume(place, async () => call.identity(place));
      return { volume: place.name, node: place.node, driver: place.driver, staged, id, swap: null };
    }),
  );
}

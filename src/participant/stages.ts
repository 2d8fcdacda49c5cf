/** Stage calls of one round. What can be done before the freeze is done by `openStages`, what can wait by `closeStages`. */
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import type { StageCall } from '../ports/volume-driver.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';

export interface OpenStage {
  readonly place: VolumeRecord;
  readonly staged: string;
  readonly call: StageCall;
}

/** Opens a stage call for every volume, under this hidden name. All or none are open afterwards. */
export async function openStages(
  context: Context,
  places: readonly VolumeRecord[],
  staged: string,
): Promise<readonly OpenStage[]> {
  const opening = await Promise.allSettled(
    places.map(async (place) => atVolume(place, async () => openStage(context, place, staged))),
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

async function openStage(context: Context, place: VolumeRecord, staged: string): Promise<OpenStage> {
  const driver = await context.driver(place.driver);
  if (driver.openStage !== null) return { place, staged, call: await driver.openStage(place, staged) };
  let id = '';
  const take = async (): Promise<void> => {
    ({ id } = await driver.stage(place, staged));
  };
  return { place, staged, call: { take, identity: async () => id, close: async () => undefined } };
}

export async function stagedVolume({ place, staged, call }: OpenStage): Promise<ManifestVolume> {
  const id = await atVolume(place, async () => call.identity());
  return { volume: place.name, node: place.node, driver: place.driver, staged, id, swap: null };
}

/**
 * Publishing a committed generation on this node. Idempotent, and authorised by the chosen slot alone: each volume is
 * acted on under its lock, after a read of the log that follows taking the lock. Any process may do it.
 */
import { lookup } from '../machine/record.js';
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import { isOn, isPublishedOn, volumesOn } from '../machine/queries.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { HeldLock } from '../ports/locks.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { allDone } from './all-done.js';
import type { Context } from './context.js';
import { swapLock, viewLock, volumeLock, withFence } from './fence.js';
import { writeManifest } from './manifest-file.js';
import { currentName, publishedName, replacedName } from './names.js';
import { raiseStamp } from './stamps.js';
import { prepareView, replaceLink, turnView, viewDirectory } from './views.js';

/** The volumes of a generation that are on this node now and not forfeited. */
export function localVolumes(context: Context, state: State, record: GenerationRecord): readonly ManifestVolume[] {
  return volumesOn(state, context.self.node, record.manifest);
}

function isPendingHere(context: Context, state: State, record: GenerationRecord): boolean {
  return !isPublishedOn(state, context.self.node, record.group, record.generation);
}

/** It may be published by now, or its disk moved to another node. */
function isToPublish(context: Context, state: State, record: GenerationRecord, volume: ManifestVolume): boolean {
  return isPendingHere(context, state, record) && isOn(state, context.self.node, volume);
}

/**
 * Publishes all of this node's volumes of `record`, then turns the view. Resolves when all of it is durable, with those
 * volumes; the caller appends `published` for them. Rejects with PUBLISH_PENDING naming each volume that could not be published and why.
 * `swapLocksHeld`: the caller holds the swap locks of all volumes.
 */
export async function publishLocal(
  context: Context,
  record: GenerationRecord,
  swapLocksHeld: boolean,
): Promise<readonly string[]> {
  const volumes = localVolumes(context, await context.log.read(), record);
  // Nobody sees the view's new directory before the view turns, so it is made beside the volumes.
  const [view, ...results] = await Promise.allSettled([
    onView(context, record, prepareView),
    ...volumes.map(async (volume) => publishVolume(context, record, volume, swapLocksHeld)),
  ]);
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected' ? [{ volume: volumes[index]?.volume ?? '', reason: messageOf(result.reason) }] : [],
  );
  const first = failures[0];
  if (first !== undefined) {
    throw new SnapcommitError(
      'PUBLISH_PENDING',
      `generation ${generationKey(record.group, record.generation)} is committed, but volume ${first.volume} could ` +
        `not be published yet: ${first.reason}. Mend that and run \`snapcommit recover\`.`,
      { group: record.group, generation: record.generation, failures },
      results.find((result) => result.status === 'rejected')?.reason,
    );
  }
  if (view.status === 'rejected') throw view.reason;
  await onView(context, record, turnView);
  return volumes.map(({ volume }) => volume);
}

/** One step of the view, under its lock, unless somebody has published all of it meanwhile. */
async function onView(context: Context, record: GenerationRecord, step: typeof prepareView): Promise<void> {
  await withFence(context, viewLock(record.group), async () => {
    const state = await context.log.read();
    if (!isPendingHere(context, state, record)) return;
    const links = localVolumes(context, state, record).map((volume) => ({
      volume: volume.volume,
      target: join(placeOf(state, volume.volume).publishDirectory, publishedName(record.group, record.generation)),
    }));
    await step(context.files, context.stateDirectory, record.group, record.generation, links);
  });
}

async function publishVolume(
  context: Context,
  record: GenerationRecord,
  volume: ManifestVolume,
  swapLocksHeld: boolean,
): Promise<void> {
  // Always before the volume's lock, as whoever swaps holds them: in the other order two publishers wait for each other.
  const swapHeld = swapLocksHeld ? null : await lockSwap(context, record, volume);
  try {
    await withFence(context, volumeLock(volume.volume), async () => {
      const state = await context.log.read();
      if (!isToPublish(context, state, record, volume)) return;
      crashPoint('publish.fence-checked');
      const place = placeOf(state, volume.volume);
      const driver = await context.driver(volume.driver);
      // Nothing is written into a directory before it has shown that it is this volume's.
      const found = await findSnapshot(driver, place, record, volume);
      const { cluster, incarnation } = context.log.identity;
      const definition = lookup(state.groups, record.group)?.record ?? null;
      const link = join(viewDirectory(context.stateDirectory, record.group), 'current', volume.volume);
      // In no order but that within publishTree: one sync makes all of it durable, and only then does the view turn.
      await allDone([
        publishTree(context, driver, found, volume, { cluster, place, definition, record }),
        replaceLink(context.files, place.publishDirectory, currentName(record.group), link),
        raiseStamp(context.files, place.publishDirectory, { cluster, incarnation, slot: record.slot }),
      ]);
      crashPoint('publish.before-sync');
      await driver.sync(place);
      crashPoint('publish.after-sync');
    });
  } finally {
    swapHeld?.release();
  }
}

/** The lock that an exchange needs; null where none is left to do. */
async function lockSwap(context: Context, record: GenerationRecord, volume: ManifestVolume): Promise<HeldLock | null> {
  if (volume.swap === null) return null;
  const state = await context.log.read();
  if (!isToPublish(context, state, record, volume)) return null;
  const driver = await context.driver(volume.driver);
  const replaced = replacedName(record.group, record.generation);
  if ((await driver.lookup(placeOf(state, volume.volume), replaced)) !== null) return null;
  const locks = await context.locks();
  return locks.acquire(swapLock(volume.volume), 'exclusive', context.settings.takeOverGraceMs);
}

/** The manifest first: whatever this volume shows of the generation, a rebuild can tell that it was committed. */
async function publishTree(
  context: Context,
  driver: VolumeDriver,
  found: 'published' | 'staged',
  volume: ManifestVolume,
  manifest: Parameters<typeof writeManifest>[1],
): Promise<void> {
  const { place, record } = manifest;
  await writeManifest(context.files, manifest);
  if (volume.swap !== null) await swapLive(driver, place, record, volume.swap);
  if (found === 'staged') await publishSnapshot(driver, place, record, volume);
}

/** Where the snapshot that the manifest names stands. @throws VOLUME_UNAVAILABLE when it is neither here nor there. */
async function findSnapshot(
  driver: VolumeDriver,
  place: VolumeRecord,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<'published' | 'staged'> {
  const name = publishedName(record.group, record.generation);
  const published = await driver.lookup(place, name);
  if (published?.id === volume.id) return 'published';
  if (published !== null) throw foreignSnapshot(place, name, volume.id, published.id);
  const staged = await driver.lookup(place, volume.staged);
  if (staged?.id === volume.id) return 'staged';
  throw foreignSnapshot(place, volume.staged, volume.id, staged?.id ?? null);
}

async function publishSnapshot(
  driver: VolumeDriver,
  place: VolumeRecord,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<void> {
  crashPoint('publish.before-rename');
  await driver.rename(place, volume.staged, publishedName(record.group, record.generation));
  crashPoint('publish.after-rename');
}

/** Exchanges the live tree with the clone and gives the replaced tree its name. Never under an `exec` (T9). */
async function swapLive(
  driver: VolumeDriver,
  place: VolumeRecord,
  record: GenerationRecord,
  swap: NonNullable<ManifestVolume['swap']>,
): Promise<void> {
  const replaced = replacedName(record.group, record.generation);
  if ((await driver.lookup(place, replaced)) !== null) return;
  await driver.exchange(place, swap.cloneName, swap);
  crashPoint('publish.before-replaced');
  await driver.rename(place, swap.cloneName, replaced);
}

export function placeOf(state: State, volume: string): VolumeRecord {
  const found = lookup(state.volumes, volume);
  if (found === undefined) {
    throw new SnapcommitError(
      'VOLUME_NOT_FOUND',
      `there is no volume ${volume}; \`snapcommit volume list\` shows them.`,
      {
        volume,
      },
    );
  }
  return found.record;
}

/** Where a name beside a volume's snapshots is on this node, whether it stands or not; null where the volume is another's. */
export async function pathHere(context: Context, state: State, volume: string, name: string): Promise<string | null> {
  const place = lookup(state.volumes, volume)?.record;
  if (place?.node !== context.self.node) return null;
  return (await context.driver(place.driver)).path(place, name);
}

function foreignSnapshot(place: VolumeRecord, name: string, wanted: string, found: string | null): SnapcommitError {
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    found === null
      ? `the snapshot ${join(place.publishDirectory, name)} of volume ${place.name} is gone; another tool may have deleted it`
      : `${join(place.publishDirectory, name)} is not the snapshot that was committed (found ${found}, wanted ${wanted})`,
    { volume: place.name, name, wanted, found },
  );
}

export function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

/**
 * Publishing a committed generation on this node. Idempotent, and authorised by the chosen slot alone: each volume is
 * acted on under its lock, after a read of the log that follows taking the lock. Any process may do it.
 */
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import { isOn, isPublishedOn, volumesOn } from '../machine/queries.js';
import { compareText, lookup } from '../machine/record.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { HeldLock } from '../ports/locks.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { allDone } from './all-done.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import {
  acquireFence,
  areHoldersStopped,
  isBusy,
  swapLock,
  underLocks,
  viewLock,
  volumeLock,
  withFence,
} from './fence.js';
import { writeManifest } from './manifest-file.js';
import { currentName, publishedName, replacedName } from './names.js';
import { byPool, type Batch } from './pools.js';
import { findSnapshot, renameStaged, swapLive, type Tree } from './publish-tree.js';
import { raiseStamp } from './stamps.js';
import { prepareView, replaceLinkBeside, turnView, viewDirectory } from './views.js';

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
  const state = await context.log.read();
  const volumes = localVolumes(context, state, record);
  const batches = await byPool(
    context,
    volumes.map(({ volume }) => placeOf(state, volume)),
  );
  // Nobody sees the view's new directory before the view turns, so it is made beside the volumes.
  const [view, ...results] = await Promise.allSettled([
    onView(context, record, prepareView),
    ...batches.map(async (batch) => publishBatch(context, record, batch, swapLocksHeld)),
  ]);
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected' ? failuresIn(batches[index], result.reason) : [],
  );
  const first = failures[0];
  if (first !== undefined) {
    throw new SnapcommitError(
      'PUBLISH_PENDING',
      `generation ${generationKey(record.group, record.generation)} is committed, but volume ${first.volume} could ` +
        `not be published yet: ${first.reason.replace(/\.$/, '')}. Mend that and run \`snapcommit recover\`.`,
      { group: record.group, generation: record.generation, failures },
      results.find((result) => result.status === 'rejected')?.reason,
    );
  }
  if (view.status === 'rejected') throw view.reason;
  await onView(context, record, turnView);
  return volumes.map(({ volume }) => volume);
}

/** Whose failure it is, first; the others of a pool wait for that one. */
function failuresIn(
  batch: Batch | undefined,
  error: unknown,
): readonly { readonly volume: string; readonly reason: string }[] {
  const names = (batch?.places ?? []).map(({ name }) => name);
  const told = error instanceof SnapcommitError ? error.details['volume'] : undefined;
  const culprit = names.find((name) => name === told) ?? names[0] ?? '';
  const others = names.filter((name) => name !== culprit);
  return [
    { volume: culprit, reason: messageOf(error) },
    ...others.map((volume) => ({ volume, reason: `it is published together with volume ${culprit} of its pool` })),
  ];
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

/** All of `batch`, under all of its locks. */
async function publishBatch(
  context: Context,
  record: GenerationRecord,
  { driver, places }: Batch,
  swapLocksHeld: boolean,
): Promise<void> {
  // Both kinds in the order of names, in which every round takes them, and those of swaps first, as whoever swaps holds
  // them: in another order two publishers wait for each other.
  const names = places.map(({ name }) => name).toSorted(compareText);
  const held: HeldLock[] = [];
  try {
    if (!swapLocksHeld) for (const name of names) held.push(...(await lockSwap(context, record, name)));
    for (const name of names) held.push(await acquireFence(context, volumeLock(name)));
    const state = await context.log.read();
    const trees = record.manifest.volumes
      .filter((volume) => names.includes(volume.volume) && isToPublish(context, state, record, volume))
      .map((volume): Tree => ({ place: placeOf(state, volume.volume), record, volume }));
    if (trees.length > 0) await underLocks(held, async () => publishTrees(context, driver, state, record, trees));
  } finally {
    for (const lock of held.toReversed()) lock.release();
  }
}

async function publishTrees(
  context: Context,
  driver: VolumeDriver,
  state: State,
  record: GenerationRecord,
  trees: readonly Tree[],
): Promise<void> {
  crashPoint('publish.fence-checked');
  // Nothing is written into a directory before it has shown that it is this volume's.
  const found = await allDone(trees.map(async (tree) => atVolume(tree.place, async () => findSnapshot(driver, tree))));
  const { cluster, incarnation } = context.log.identity;
  const definition = lookup(state.groups, record.group)?.record ?? null;
  const view = join(viewDirectory(context.stateDirectory, record.group), 'current');
  /** The manifests first: whatever a volume shows of the generation, a rebuild can tell that it was committed. */
  const showTrees = async (): Promise<void> => {
    await allDone(
      trees.map(async (tree) =>
        atVolume(tree.place, async () => {
          await writeManifest(context.files, { cluster, place: tree.place, definition, record });
          await swapLive(driver, tree);
        }),
      ),
    );
    await renameStaged(
      driver,
      trees.filter((_, index) => found[index] === 'staged'),
    );
  };
  // In no order but that: one sync makes all of a volume's durable, and only then does the view turn.
  await allDone([
    showTrees(),
    ...trees.flatMap(({ place }) => [
      atVolume(place, async () =>
        replaceLinkBeside(context.files, place.publishDirectory, currentName(record.group), join(view, place.name)),
      ),
      atVolume(place, async () =>
        raiseStamp(context.files, place.publishDirectory, { cluster, incarnation, slot: record.slot }),
      ),
    ]),
  ]);
  crashPoint('publish.before-sync');
  await allDone(trees.map(async ({ place }) => atVolume(place, async () => driver.sync(place))));
  crashPoint('publish.after-sync');
}

/** The lock that an exchange needs; none where nothing is left to do. */
async function lockSwap(context: Context, record: GenerationRecord, name: string): Promise<readonly HeldLock[]> {
  const volume = record.manifest.volumes.find((one) => one.volume === name);
  if (volume === undefined || volume.swap === null) return [];
  const state = await context.log.read();
  if (!isToPublish(context, state, record, volume)) return [];
  const driver = await context.driver(volume.driver);
  const replaced = replacedName(record.group, record.generation);
  if ((await driver.lookup(placeOf(state, name), replaced)) !== null) return [];
  return [await acquireSwap(context, swapLock(name))];
}

/** In this time nobody spins. */
const TRY_MS_MIN = 10;

/**
 * Whoever swaps or publishes holds it alone, and lets it go when that is done, which takes as long as there are snapshots to move:
 * such a one is waited for (lockWaitMs) while it runs. A command of an `exec` shares it for hours: that is told soon.
 */
async function acquireSwap(context: Context, name: string): Promise<HeldLock> {
  const locks = await context.locks();
  const { takeOverGraceMs, lockWaitMs } = context.settings;
  const tryMs = Math.max(Math.min(takeOverGraceMs, lockWaitMs), TRY_MS_MIN);
  for (let waitedMs = 0; ; waitedMs += tryMs) {
    try {
      return await locks.acquire(name, 'exclusive', tryMs, undefined, waitedMs);
    } catch (error) {
      if (!isBusy(error) || waitedMs + tryMs >= lockWaitMs || areHoldersStopped(locks, name)) throw error;
      const shared = locks.tryAcquire(name, 'shared');
      shared?.release();
      if (shared === null) continue;
      // A command shares it, or whoever held it alone has just let it go.
      const free = locks.tryAcquire(name, 'exclusive');
      if (free === null) throw error;
      return free;
    }
  }
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

export function messageOf(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

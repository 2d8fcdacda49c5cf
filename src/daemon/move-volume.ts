/**
 * `volume move`: a volume's disk was put into this node, or mounted elsewhere on it, and the volume's record follows. Run
 * where the disk is now. First everything that shows that it is this volume's disk, whole; then the entry; then what this
 * node keeps beside it. Doing it again finishes what was interrupted.
 */
import { pendingOf } from '../machine/queries.js';
import { join, relative, resolve } from 'node:path';
import { SnapcommitError } from '../errors.js';
import { filesystemProblem } from '../machine/moving.js';
import type { ManifestVolume, VolumeRecord } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import { compareText, lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import { adoptGenerations } from '../participant/adopt.js';
import { append } from '../participant/append.js';
import type { Context } from '../participant/context.js';
import { volumeLock, withFence } from '../participant/fence.js';
import { publishedName, STAMP_NAME } from '../participant/names.js';
import { judgeStamp, raiseStamp, readStamp } from '../participant/stamps.js';
import { replaceLinkBeside } from '../participant/views.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { refuseInState, refuseOwnState, SOURCE_NAME } from './add-volume.js';
import type { MoveVolumeRequest } from './node.js';

/** So many missing snapshots are named. */
const NAMED_MAX = 5;

export async function moveVolume(context: Context, request: MoveVolumeRequest): Promise<void> {
  const before = recordOf(await context.log.read(), request.name);
  const driver = await context.driver(before.driver);
  const place = await examine(context, driver, before, request);
  await withFence(context, volumeLock(before.name), async () => {
    await assertStampedByUs(context, place);
    await assertWhole(context, driver, place);
    const { name: volume, node, source, publishDirectory, filesystem } = place;
    // Before the log says that it is here: where it belongs to somebody else, nothing can be written there.
    await context.files.withOwned(publishDirectory, () => Promise.resolve());
    await append(context, { type: 'moveVolume', volume, node, source, publishDirectory, filesystem });
    const { cluster, incarnation } = context.log.identity;
    const state = await context.log.read();
    const { applied } = state;
    await reopenLeftClosed(driver, place, state);
    await replaceLinkBeside(context.files, publishDirectory, SOURCE_NAME, source);
    await raiseStamp(context.files, publishDirectory, { cluster, incarnation, slot: applied });
  });
  await adoptGenerations(context, place);
  await driver.sync(place);
}

/**
 * A swap that was aborted while its node was down has left the live tree read-only, and the note of it is on that node. One
 * that was committed stays so until it is published here.
 */
async function reopenLeftClosed(driver: VolumeDriver, place: VolumeRecord, state: State): Promise<void> {
  const isPending = pendingOf(state, place.name).some(({ record }) =>
    record.manifest.volumes.some(({ volume, swap }) => volume === place.name && swap !== null),
  );
  if (isPending) return;
  const { readOnly } = await driver.live(place);
  if (readOnly) await driver.setLiveReadOnly(place, false);
}

function recordOf({ volumes }: State, name: string): VolumeRecord {
  const found = lookup(volumes, name);
  if (found !== undefined) return found.record;
  throw new SnapcommitError('VOLUME_NOT_FOUND', `there is no volume ${name}; \`snapcommit volume list\` shows them.`, {
    volume: name,
  });
}

/** Where the volume is now. A publish directory that is not given lies to the source as it did before. */
async function examine(
  context: Context,
  driver: VolumeDriver,
  before: VolumeRecord,
  request: MoveVolumeRequest,
): Promise<VolumeRecord> {
  const { name } = before;
  const wanted = request.source ?? before.source;
  const published = request.publishDirectory ?? resolve(wanted, relative(before.source, before.publishDirectory));
  // An interrupted swap left it read-only, and publishing it here is what makes it writable.
  const found = await driver.inspect(name, wanted, published, true);
  const problem = filesystemProblem(before, found.filesystem);
  if (problem !== null) throw new SnapcommitError(problem.code, problem.message, problem.details);
  await refuseOwnState(context.stateDirectory, found.source, before.driver);
  await refuseInState(context.stateDirectory, found.publishDirectory);
  const { source, publishDirectory, filesystem } = found;
  return { ...before, node: context.self.node, source, publishDirectory, filesystem };
}

/** The disk bears the mark of this cluster, and none that is ahead of its log. */
async function assertStampedByUs(context: Context, { name, publishDirectory }: VolumeRecord): Promise<void> {
  const stamp = await readStamp(context.files, publishDirectory);
  const path = join(publishDirectory, STAMP_NAME);
  if (stamp === null) {
    throw new SnapcommitError(
      'SOURCE_INVALID',
      `${path} is missing, so ${publishDirectory} is not where volume ${name} publishes. Name its directory with --publish DIR.`,
      { volume: name, publishDirectory },
    );
  }
  const { applied } = await context.log.read();
  const verdict = judgeStamp(stamp, context.log.identity, applied);
  if (verdict === 'fine') return;
  const details = { volume: name, publishDirectory, cluster: stamp.cluster, stampSlot: stamp.slot, logSlot: applied };
  if (verdict === 'foreign')
    throw new SnapcommitError('LOG_FOREIGN', `${path} is of another log (cluster ${stamp.cluster}).`, details);
  throw new SnapcommitError(
    'LOG_BEHIND_STAMP',
    `this log ends at slot ${String(applied)}, but the disk of volume ${name} was acted on at slot ` +
      `${String(stamp.slot)}: the log is an older copy. Nothing was changed.`,
    details,
  );
}

/** Every live generation that names this volume has its snapshot there, published or staged, by its identity. */
async function assertWhole(context: Context, driver: VolumeDriver, place: VolumeRecord): Promise<void> {
  const state = await context.log.read();
  const missing: string[] = [];
  const groups = Object.values(state.groups).filter(({ contents }) => lookup(contents, place.name) !== undefined);
  for (const { record } of groups.sort((a, b) => compareText(a.record.name, b.record.name))) {
    for (const { group, generation, manifest } of await context.log.generations(record.name)) {
      const member = manifest.volumes.find(({ volume }) => volume === place.name);
      if (member === undefined) continue;
      const names = [publishedName(group, generation), member.staged];
      if (!(await stands(driver, place, names, member))) missing.push(generationKey(group, generation));
    }
  }
  if (missing.length === 0) return;
  const named = missing.slice(0, NAMED_MAX).join(', ');
  const more = missing.length > NAMED_MAX ? ` and ${String(missing.length - NAMED_MAX)} more` : '';
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `${place.publishDirectory} does not hold what volume ${place.name} had in ${named}${more}: it is another directory or an ` +
      'older copy of the disk. Name the right one with --publish DIR, or forfeit the volume if there is none.',
    { volume: place.name, publishDirectory: place.publishDirectory, missing },
  );
}

async function stands(
  driver: VolumeDriver,
  place: VolumeRecord,
  names: readonly string[],
  { id }: ManifestVolume,
): Promise<boolean> {
  for (const name of names) if ((await driver.lookup(place, name))?.id === id) return true;
  return false;
}

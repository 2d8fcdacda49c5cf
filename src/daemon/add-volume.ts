/** `volume add`: everything that must hold before a source becomes a volume, then the publish directory, stamp and entry. */
import { lookup } from '../machine/record.js';
import { readdir, readlink, realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { append } from '../participant/append.js';
import { SnapcommitError } from '../errors.js';
import type { DriverName, Slot, VolumeRecord } from '../machine/entry.js';
import { isName, nameProblem } from '../machine/names.js';
import type { State } from '../machine/state.js';
import { addVolume as applyAdd } from '../machine/volumes.js';
import type { Context } from '../participant/context.js';
import { assertNestedAdded } from '../participant/nested.js';
import { judgeStamp, raiseStamp, readStamp, type Stamp } from '../participant/stamps.js';
import { replaceLinkBeside } from '../participant/views.js';
import type { Inspection, VolumeDriver } from '../ports/volume-driver.js';
import type { AddVolumeRequest } from './node.js';

export async function addVolume(context: Context, request: AddVolumeRequest): Promise<VolumeRecord> {
  const { name } = request;
  assertName(name);
  const state = await context.log.read();
  if (lookup(state.volumes, name) !== undefined) {
    throw new SnapcommitError(
      'EXISTS',
      `there already is a volume ${name}; \`snapcommit volume show ${name}\` shows it.`,
      { volume: name },
    );
  }
  const driverName = request.driver ?? (await detectDriver(context, request.source));
  const driver = await context.driver(driverName);
  const inspection = await driver.inspect(name, request.source, request.publishDirectory);
  const record = await checkVolume(context, state, { name, driver: driverName }, inspection);
  assertNestedAdded(state, record, inspection.nested ?? []);
  assertAccepted(state, record);
  await enterVolume(context, driver, state, record);
  return record;
}

export function assertName(name: string): void {
  if (!isName(name)) throw new SnapcommitError('NAME_INVALID', nameProblem('volume', name), { name });
}

/** What must hold before that source becomes a volume, besides what its driver has looked at. Changes nothing. */
export async function checkVolume(
  context: Context,
  { applied }: State,
  { name, driver }: Pick<VolumeRecord, 'name' | 'driver'>,
  { source, publishDirectory, filesystem }: Inspection,
): Promise<VolumeRecord> {
  await refuseOwnState(context.stateDirectory, source, driver);
  await refuseInState(context.stateDirectory, publishDirectory);
  await refuseForeign(context, name, publishDirectory, applied);
  await refuseManagedElsewhere(context, source, publishDirectory);
  return { name, node: context.self.node, driver, source, publishDirectory, filesystem };
}

/** What the log would say to the entry. What it refuses must not have marked anything, least of all another volume's directory. */
function assertAccepted(state: State, volume: VolumeRecord): void {
  const { outcome } = applyAdd(state, { type: 'addVolume', volume });
  if (!outcome.ok) throw new SnapcommitError(outcome.code, outcome.message, outcome.details);
}

/** The publish directory, its marks, and the entry of the log. */
export async function enterVolume(
  context: Context,
  driver: VolumeDriver,
  { applied }: State,
  record: VolumeRecord,
): Promise<void> {
  const { source, publishDirectory } = record;
  await driver.prepare(record);
  const { cluster, incarnation } = context.log.identity;
  await replaceLinkBeside(context.files, publishDirectory, SOURCE_NAME, source);
  await raiseStamp(context.files, publishDirectory, { cluster, incarnation, slot: applied });
  await driver.sync(record);
  await append(context, { type: 'addVolume', volume: record });
}

/** Which driver a source is for: a dataset by its name or its mount point, a subvolume, or any directory. */
export async function detectDriver(context: Pick<Context, 'runner'>, source: string): Promise<DriverName> {
  if (!source.startsWith('/')) {
    const { isDataset } = await import('../adapters/driver-zfs/index.js');
    if (await isDataset(await context.runner(), source)) return 'zfs';
    throw new SnapcommitError(
      'SOURCE_INVALID',
      `the source ${source} is neither an absolute path nor a ZFS dataset; name the whole path.`,
      { source },
    );
  }
  return driverOfPath(source);
}

export async function driverOfPath(source: string): Promise<DriverName> {
  const { isZfsMountPoint } = await import('../adapters/driver-zfs/index.js');
  if (isZfsMountPoint(source)) return 'zfs';
  const { isBtrfsSubvolume } = await import('../adapters/driver-btrfs/index.js');
  return (await isBtrfsSubvolume(source)) ? 'btrfs' : 'directory';
}

/** A log that lay on a volume would be rolled back with it (D9). */
export async function refuseOwnState(stateDirectory: string, source: string, driver: DriverName): Promise<void> {
  const state = await realpath(stateDirectory);
  const isInside = state === source || state.startsWith(source === '/' ? '/' : `${source}/`);
  // Every btrfs subvolume and ZFS dataset has a device number of its own, whatever path it is mounted at.
  const sameSubvolume =
    (driver === 'btrfs' || driver === 'zfs') && (await stat(state)).dev === (await stat(source)).dev;
  if (!isInside && !sameSubvolume) return;
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `the state directory ${state} lies on ${source}; a log must not live on a volume that it manages. Move one of them.`,
    { source, stateDirectory: state },
  );
}

/** A link whose text is the source that is published here, so that another log sees whose tree it is. */
export const SOURCE_NAME = '.source';

/** T11: another log may manage the same tree under another name, beside ours or at the default place. */
async function refuseManagedElsewhere(context: Context, source: string, publishDirectory: string): Promise<void> {
  const rooms = new Set([dirname(publishDirectory), join(dirname(source), '.snapcommit')]);
  for (const room of rooms) {
    for (const name of await readdir(room).catch(() => [])) {
      const directory = join(room, name);
      const stamp = await readStamp(context.files, directory);
      if (stamp === null || stamp.cluster === context.log.identity.cluster) continue;
      if ((await readlink(join(directory, SOURCE_NAME)).catch(() => null)) !== source) continue;
      throw managedElsewhere(name, directory, stamp);
    }
  }
}

/** Generations among the log's own files would be in each other's way. */
export async function refuseInState(stateDirectory: string, publishDirectory: string): Promise<void> {
  const state = await realpath(stateDirectory);
  if (!`${publishDirectory}/`.startsWith(`${state}/`)) return;
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `the publish directory ${publishDirectory} lies in the state directory ${state}; name another with \`--publish DIR\`.`,
    { publishDirectory, stateDirectory: state },
  );
}

/** T11: another log's publish directory means that the source is taken. */
async function refuseForeign(context: Context, name: string, publishDirectory: string, applied: Slot): Promise<void> {
  const stamp = await readStamp(context.files, publishDirectory);
  const verdict = judgeStamp(stamp, context.log.identity, applied);
  if (verdict === 'fine' || stamp === null) return;
  const details = { publishDirectory, cluster: stamp.cluster, slot: stamp.slot };
  if (verdict === 'ahead') {
    throw new SnapcommitError(
      'LOG_BEHIND_STAMP',
      `${join(publishDirectory, '.stamp')} says that this log has reached slot ${String(stamp.slot)}, but it ends at ` +
        `${String(applied)}: the state directory is an older copy.`,
      details,
    );
  }
  throw managedElsewhere(name, publishDirectory, stamp);
}

function managedElsewhere(volume: string, publishDirectory: string, { cluster, slot }: Stamp): SnapcommitError {
  return new SnapcommitError(
    'SOURCE_MANAGED',
    `${publishDirectory} belongs to another log (cluster ${cluster}): its volume is managed there. ` +
      `Remove it there first; if that log is lost for good, move ${publishDirectory} away by hand.`,
    { publishDirectory, cluster, slot, volume },
  );
}

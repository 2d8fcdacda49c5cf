/** `volume add`: everything that must hold before a source becomes a volume, then the publish directory, stamp and entry. */
import { lookup } from '../machine/record.js';
import { realpath, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { append } from '../coordinator/decide.js';
import { SnapcommitError } from '../errors.js';
import type { DriverName, Slot, VolumeRecord } from '../machine/entry.js';
import { isName, nameProblem } from '../machine/names.js';
import type { Context } from '../participant/context.js';
import { judgeStamp, raiseStamp, readStamp } from '../participant/stamps.js';
import type { AddVolumeRequest } from './node.js';

export async function addVolume(context: Context, request: AddVolumeRequest): Promise<VolumeRecord> {
  const { name } = request;
  if (!isName(name)) throw new SnapcommitError('NAME_INVALID', nameProblem('volume', name), { name });
  const state = await context.log.read();
  if (lookup(state.volumes, name) !== undefined) {
    throw new SnapcommitError(
      'EXISTS',
      `there already is a volume ${name}; \`snapcommit volume show ${name}\` shows it.`,
      { volume: name },
    );
  }
  const driverName = request.driver ?? (await detectDriver(request.source));
  const driver = await context.driver(driverName);
  const { source, publishDirectory, filesystem } = await driver.inspect(name, request.source, request.publishDirectory);
  await refuseOwnState(context.stateDirectory, source, driverName);
  await refuseForeign(context, name, publishDirectory, state.applied);
  const record: VolumeRecord = {
    name,
    node: context.self.node,
    driver: driverName,
    source,
    publishDirectory,
    filesystem,
  };
  await driver.prepare(record);
  const { cluster, incarnation } = context.log.identity;
  await raiseStamp(publishDirectory, { cluster, incarnation, slot: state.applied });
  await driver.sync(record);
  await append(context, { type: 'addVolume', volume: record });
  return record;
}

async function detectDriver(source: string): Promise<DriverName> {
  if (!source.startsWith('/')) {
    throw new SnapcommitError('SOURCE_INVALID', `the source ${source} is no absolute path; name the whole path.`, {
      source,
    });
  }
  const { isBtrfsSubvolume } = await import('../adapters/driver-btrfs/index.js');
  return (await isBtrfsSubvolume(source)) ? 'btrfs' : 'directory';
}

/** A log that lay on a volume would be rolled back with it (D9). */
async function refuseOwnState(stateDirectory: string, source: string, driver: DriverName): Promise<void> {
  const state = await realpath(stateDirectory);
  const isInside = state === source || state.startsWith(source === '/' ? '/' : `${source}/`);
  // Every btrfs subvolume has a device number of its own, whatever path it is mounted at.
  const sameSubvolume = driver === 'btrfs' && (await stat(state)).dev === (await stat(source)).dev;
  if (!isInside && !sameSubvolume) return;
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `the state directory ${state} lies on ${source}; a log must not live on a volume that it manages. Move one of them.`,
    { source, stateDirectory: state },
  );
}

/** T11: another log's publish directory, there or at the default place beside it, means that the source is taken. */
async function refuseForeign(context: Context, name: string, publishDirectory: string, applied: Slot): Promise<void> {
  const stamp = await readStamp(publishDirectory);
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
  throw new SnapcommitError(
    'SOURCE_MANAGED',
    `${publishDirectory} belongs to another log (cluster ${stamp.cluster}): its volume is managed there. ` +
      `Remove it there first; if that log is lost for good, move ${dirname(publishDirectory)} away by hand.`,
    { ...details, volume: name },
  );
}

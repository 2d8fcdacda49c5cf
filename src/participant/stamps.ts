/**
 * The stamp of a publish directory: which log has acted on this volume, and how far. A log that is behind a stamp has
 * been rolled back or cloned, and one that differs from it is somebody else's (D9, T11).
 *
 * It is a symbolic link whose text is `CLUSTER/INCARNATION/SLOT` and which points nowhere: setting it is one rename,
 * and the sync of the directory that a publish needs anyway makes it durable, as does any later snapshot.
 */
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import type { Slot, VolumeRecord } from '../machine/entry.js';
import type { State } from '../machine/state.js';
import type { LogIdentity, ReplicatedLog } from '../ports/log.js';
import type { NodeFiles } from '../ports/node-files.js';
import { STAMP_NAME } from './names.js';

export interface Stamp {
  readonly cluster: string;
  readonly incarnation: number;
  readonly slot: Slot;
}

/** The stamp of a publish directory, or null where there is none. */
export async function readStamp(files: NodeFiles, publishDirectory: string): Promise<Stamp | null> {
  const text = await files.readLink(join(publishDirectory, STAMP_NAME)).catch((error: unknown) => {
    if (isNoLink(error)) return null;
    throw error;
  });
  if (text === null) return null;
  const [cluster = '', incarnation, slot] = text.split('/');
  return { cluster, incarnation: Number(incarnation), slot: Number(slot) as Slot };
}

/** Raises the stamp to `stamp`; never lowers it. Not durable until the directory is synced or a snapshot is made there. */
export async function raiseStamp(files: NodeFiles, publishDirectory: string, stamp: Stamp): Promise<void> {
  await files.withOwned(publishDirectory, async (here) => {
    const before = await readStamp(files, here);
    if (before !== null && before.cluster !== stamp.cluster)
      throw foreign(publishDirectory, before.cluster, stamp.cluster);
    if (before !== null && !isBehind(before, stamp)) return;
    const text = `${stamp.cluster}/${String(stamp.incarnation)}/${String(stamp.slot)}`;
    await files.replaceLink(here, STAMP_NAME, text);
  });
}

/** Takes our stamp away from a volume that has left the log, durably, so that another log may manage it. */
export async function withdrawStamp(files: NodeFiles, publishDirectory: string, cluster: string): Promise<void> {
  if ((await readStamp(files, publishDirectory))?.cluster !== cluster) return;
  await files.withOwned(publishDirectory, async (here) => {
    await files.removeFile(join(here, STAMP_NAME));
    await files.syncDirectory(here);
  });
}

function foreign(publishDirectory: string, cluster: string, ours: string): SnapcommitError {
  return new SnapcommitError(
    'LOG_FOREIGN',
    `${publishDirectory} belongs to another log (cluster ${cluster}); ours is ${ours}. Nothing was written there.`,
    { publishDirectory, cluster },
  );
}

function isBehind(a: Stamp, b: Stamp): boolean {
  return a.incarnation < b.incarnation || (a.incarnation === b.incarnation && a.slot < b.slot);
}

/** What a volume's stamp says about our log: fine, another log's, or ahead of ours. */
export function judgeStamp(stamp: Stamp | null, identity: LogIdentity, applied: Slot): 'fine' | 'foreign' | 'ahead' {
  if (stamp === null) return 'fine';
  if (stamp.cluster !== identity.cluster) return 'foreign';
  return isBehind({ ...stamp, incarnation: identity.incarnation, slot: applied }, stamp) ? 'ahead' : 'fine';
}

/**
 * Throws LOG_BEHIND_STAMP or LOG_FOREIGN when a volume of this node has been acted on by a newer state of this log, or
 * by another log. A volume that is gone is left to whoever needs it, and one that is `leaving` this log may be
 * another's. Ask before every change of the log: a rolled-back log that went on would outgrow the stamps unnoticed (D9).
 */
export async function assertStamps(
  files: NodeFiles,
  state: State,
  log: ReplicatedLog,
  leaving: string | null = null,
): Promise<void> {
  // A forfeited volume is nothing to this log any more, whoever acts on it now.
  const records = Object.values(state.volumes)
    .filter((volume) => !volume.forfeited)
    .map((volume) => volume.record)
    .filter((record) => record.node === log.identity.node);
  await Promise.all(
    records.map(async (record) => {
      await assertStamp(files, record, state.applied, log).catch((error: unknown) => {
        const isForeign = error instanceof SnapcommitError && error.code === 'LOG_FOREIGN';
        if (!isForeign || record.name !== leaving) throw error;
      });
    }),
  );
}

async function assertStamp(files: NodeFiles, record: VolumeRecord, readAt: Slot, log: ReplicatedLog): Promise<void> {
  const { identity } = log;
  const stamp = await readStamp(files, record.publishDirectory).catch(() => null);
  if (stamp === null) return;
  // Somebody may have begun, and stamped, since the state was read: only a log that is read after the stamp can be behind.
  const applied = judgeStamp(stamp, identity, readAt) === 'ahead' ? (await log.read()).applied : readAt;
  const verdict = judgeStamp(stamp, identity, applied);
  if (verdict === 'fine') return;
  const details = { volume: record.name, stampSlot: stamp.slot, logSlot: applied, cluster: stamp.cluster };
  if (verdict === 'foreign') {
    throw new SnapcommitError(
      'LOG_FOREIGN',
      `volume ${record.name} belongs to another log (cluster ${stamp.cluster}); ours is ${identity.cluster}. ` +
        'Use that log’s state directory, or remove the volume from this one.',
      details,
    );
  }
  throw new SnapcommitError(
    'LOG_BEHIND_STAMP',
    `this log ends at slot ${String(applied)}, but volume ${record.name} was acted on at slot ${String(stamp.slot)}: ` +
      'the state directory is an older copy. Nothing was changed. Bring back the newest state directory; ' +
      '`snapcommit doctor` shows what the volumes say.',
    details,
  );
}

function isNoLink(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EINVAL' || error.code === 'ENOTDIR');
}

/**
 * Many volumes of one pool in one call: `zfs snapshot` of all of their datasets is one transaction group, and so is a
 * channel program that renames all of their snapshots.
 */
import type { Move, PoolCalls, StageCall, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { concerns, meaningOf, translated, zfsError } from './failures.js';
import { writeLink } from './links.js';
import { poolOf, splitSnapshot } from './names.js';
import { renameInPool } from './rename-in-pool.js';
import { liveDataset } from './site.js';
import { goneBeforeHeld, HOLD_TAG, snapshotArguments, snapshotName, stageError, stageable } from './stage.js';
import type { WaitingCommand } from './waiting-command.js';
import { ZfsFailure } from './zfs-failure.js';

interface Part {
  readonly volume: VolumePlace;
  readonly dataset: string;
}

export function poolCalls(commands: ZfsCommands): PoolCalls {
  return {
    poolOf: async (volume) => Promise.resolve(poolOf(liveDataset(volume))),
    openStage: (volumes, name) => openStage(commands, volumes, name),
    rename: (moves: readonly Move[]) => renameInPool(commands, moves),
  };
}

async function openStage(commands: ZfsCommands, volumes: readonly VolumePlace[], name: string): Promise<StageCall> {
  const parts = await Promise.all(
    volumes.map(async (volume): Promise<Part> => ({ volume, dataset: await stageable(volume, name) })),
  );
  const kept = once(async () => keepAll(commands, parts, name));
  const datasets = parts.map(({ dataset }) => dataset);
  const snapshot = await commands.waiting(snapshotArguments(datasets, name));
  return {
    take: () => take(snapshot, parts, name),
    identity: async (volume) => identityIn(await kept(), parts, volume, name),
    close: () => snapshot.drop(),
  };
}

async function take(snapshot: WaitingCommand<string>, parts: readonly Part[], name: string): Promise<void> {
  try {
    await snapshot.begin();
  } catch (failure) {
    const { volume, dataset } = culprit(parts, failure);
    throw stageError(volume, dataset, name, failure);
  }
}

/** ZFS names the dataset at fault; where it does not, any of them stands for all. */
function culprit(parts: readonly Part[], failure: unknown): Part {
  const reason = failure instanceof ZfsFailure ? failure.reason : '';
  const named = parts.find(({ dataset }) => reason.includes(`'${dataset}@`) || reason.includes(`'${dataset}'`));
  const [first] = parts;
  if (first === undefined) throw new TypeError('a pool was staged without volumes');
  return named ?? first;
}

interface Kept {
  /** By snapshot; those that are gone are missing. */
  readonly guids: ReadonlyMap<string, string>;
  readonly failure: ZfsFailure | null;
}

/** Holds what was staged, and asks for all of its guids; links what is there. */
async function keepAll(commands: ZfsCommands, parts: readonly Part[], name: string): Promise<Kept> {
  const snapshots = parts.map(({ dataset }) => snapshotName(dataset, name));
  const held = await commands.attempt(['hold', HOLD_TAG, ...snapshots]);
  const { output } = await commands.attempt(['get', '-H', '-p', '-o', 'name,value', 'guid', ...snapshots]);
  const guids = new Map<string, string>();
  for (const line of output.split('\n')) {
    const [snapshot, guid] = line.split('\t');
    if (snapshot !== undefined && guid !== undefined) guids.set(snapshot, guid);
  }
  return { guids, failure: held.failure };
}

/** @throws STAGE_FAILED when it is gone already (G9). */
async function identityIn(
  { guids, failure }: Kept,
  parts: readonly Part[],
  volume: VolumePlace,
  name: string,
): Promise<string> {
  const part = parts.find((one) => one.volume.name === volume.name);
  if (part === undefined) throw new TypeError(`volume ${volume.name} was not staged here`);
  const snapshot = snapshotName(part.dataset, name);
  const guid = guids.get(snapshot);
  if (guid === undefined) throw goneBeforeHeld(volume, name, snapshot, failure);
  if (failure !== null && meaningOf(failure) !== 'absent' && concerns(failure, snapshot, [...guids.keys()]))
    throw zfsError(volume, 'hold', snapshot, failure, 'STAGE_FAILED');
  const target = `${volume.source}/.zfs/snapshot/${splitSnapshot(snapshot)?.snapshot ?? ''}`;
  await translated(volume, 'link', snapshot, () => writeLink(volume, name, target), 'STAGE_FAILED');
  return guid;
}

function once<T>(act: () => Promise<T>): () => Promise<T> {
  let done: Promise<T> | null = null;
  return () => (done ??= act());
}

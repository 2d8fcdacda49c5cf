/**
 * Making a volume's place: a small dataset of ours at the publish directory, in the volume's pool, so that stamps and
 * manifests travel with the volume and are no older than its snapshots. By default it is `.snapcommit/NAME` beside the live
 * dataset. Clones and replaced trees are its children.
 */
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { setModeOfOwn } from '../../native/at.js';
import { syncDirectory } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated } from './failures.js';
import { remember } from './family.js';
import { HIDDEN, parentOf } from './names.js';
import { LIVE, localOf, NO_AUTO_SNAPSHOT, valueOf, type Dataset } from './properties.js';
import { datasetAt, isGone, isTree, liveDataset } from './site.js';

/** Readers who are not root follow published paths. */
const MODE = 0o755;

export async function prepare(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  const live = liveDataset(volume);
  const { publishDirectory } = volume;
  await translated(volume, 'make the publish directory', publishDirectory, async () => {
    if (datasetAt(publishDirectory) === null) await makePlace(commands, volume, live);
    const place = datasetAt(publishDirectory);
    if (place === null) throw unmountable(volume);
    // in the middle of an exchange the live path shows a tree; then what stands there is right
    const found = isTree(live) ? null : await describe(commands, place);
    if (found !== null) await remember(commands, found, live);
    await openToReaders(volume);
    await syncDirectory(publishDirectory);
  });
}

async function makePlace(commands: ZfsCommands, volume: VolumePlace, live: string): Promise<void> {
  await refuseContent(volume);
  const container = `${parentOf(live) ?? live}/${HIDDEN}`;
  const found = await describe(commands, container);
  if (found === null)
    await commands.zfs([
      'create',
      '-o',
      'canmount=off',
      '-o',
      'mountpoint=none',
      '-o',
      `${NO_AUTO_SNAPSHOT}=false`,
      container,
    ]);
  const wanted = `${container}/${volume.name}`;
  const there = await describe(commands, wanted);
  if (there !== null && localOf(there, LIVE) !== null && valueOf(there, 'mountpoint') === volume.publishDirectory) {
    await commands.zfs(['mount', wanted]);
    return;
  }
  // another volume of this name, perhaps of another log, has its place there
  const place = there === null ? wanted : `${wanted}-${randomBytes(4).toString('hex')}`;
  const options = [
    `mountpoint=${volume.publishDirectory}`,
    'canmount=on',
    'readonly=off',
    // links and stamps must be durable when a sync says so, whatever the volume's own writers can do without
    'sync=standard',
    'snapdir=hidden',
    'sharenfs=off',
    'sharesmb=off',
    `${LIVE}=${live}`,
  ];
  await commands.zfs(['create', ...options.flatMap((option) => ['-o', option]), place]);
}

async function describe(commands: ZfsCommands, dataset: string): Promise<Dataset | null> {
  const [found] = await commands.describe([dataset]);
  return found ?? null;
}

/** What the new dataset's mount would cover. */
async function refuseContent(volume: VolumePlace): Promise<void> {
  const names = await readdir(volume.publishDirectory).catch((failure: unknown) => {
    if (isGone(failure)) return [];
    throw failure;
  });
  if (names.length === 0) return;
  const message = `volume ${volume.name}: ${volume.publishDirectory} has content (${names.slice(0, 3).join(', ')}) that the dataset to be mounted there would hide; move it away`;
  throw new SnapcommitError('SOURCE_INVALID', message, { volume: volume.name, path: volume.publishDirectory });
}

/** Whoever owns the directory can delete or replace what we publish in it. */
async function openToReaders(volume: VolumePlace): Promise<void> {
  if (await setModeOfOwn(volume.publishDirectory, MODE)) return;
  const message = `volume ${volume.name}: ${volume.publishDirectory} is not a directory of root's or of the user who runs snapcommit; change its owner`;
  throw new SnapcommitError('SOURCE_INVALID', message, { volume: volume.name, path: volume.publishDirectory });
}

function unmountable(volume: VolumePlace): SnapcommitError {
  const name = basename(volume.publishDirectory);
  const message = `volume ${volume.name}: the dataset ${name} for ${volume.publishDirectory} was made but is not mounted there; mount it (zfs mount -a)`;
  return new SnapcommitError('VOLUME_UNAVAILABLE', message, { volume: volume.name, path: volume.publishDirectory });
}

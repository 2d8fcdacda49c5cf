/** Examining a source: which dataset it is, what is refused as a volume, and what `live` looks at again. */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { nearestExisting } from '../../native/existing-path.js';
import { type Mount, mountOf, mountsAt, readMounts } from '../../native/mountinfo.js';
import type { Inspection, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { exchangePossible } from './exchange-possible.js';
import { errnoOf, meaningOf, translated, zfsError } from './failures.js';
import { ENTRY_BYTES_MAX, isTreeComponent, lastComponent, NAME_BYTES_MAX, parentOf, poolOf } from './names.js';
import {
  ASKED,
  CHILDREN,
  COLUMNS,
  ENTRY,
  guidOf,
  isReadOnly,
  LIVE,
  localOf,
  parseProperties,
  valueOf,
  type Dataset,
} from './properties.js';
import { datasetAt, datasetOfMount, isTree, liveDataset } from './site.js';

/** The directory that holds publish directories, and the dataset that holds theirs. */
export const HIDDEN = '.snapcommit';
const NAMED_MAX = 10;

export async function inspect(
  commands: ZfsCommands,
  name: string,
  given: string,
  publishDirectory: string | null,
  mayBeReadOnly = false,
): Promise<Inspection> {
  const source = given.startsWith('/') ? await plainPath(name, given) : await mountPointOf(commands, name, given);
  const mounts = readMounts('self');
  const dataset = requireDataset(name, source, mounts);
  const place = { name, source, publishDirectory: publishDirectory ?? join(dirname(source), HIDDEN, name) };
  return translated(
    place,
    'inspect',
    dataset,
    async () => {
      const { live, children } = await describeLive(commands, place, dataset);
      refuseOwn(name, source, live, mayBeReadOnly);
      refuseState(name, source, live, mayBeReadOnly);
      refuseChildren(place, live, children);
      if (!isTree(dataset)) refuseLongName(name, source, dataset);
      await refusePublishDirectory(commands, place, dataset, mounts);
      const guid = (await commands.zpool(['get', '-H', '-p', '-o', 'value', 'guid', poolOf(dataset)])).trim();
      const exchange = exchangePossible(place, live, children, mounts);
      return { ...place, filesystem: `zfs:${guid}`, live: guidOf(live), exchange };
    },
    'SOURCE_INVALID',
  );
}

/** The live tree's identity, after the checks that can fail later than `inspect` did. */
export async function live(
  commands: ZfsCommands,
  volume: VolumePlace,
): Promise<{ readonly id: string; readonly readOnly: boolean }> {
  const dataset = liveDataset(volume);
  return translated(volume, 'look at', dataset, async () => {
    const found = await describeLive(commands, volume, dataset);
    refuseChildren(volume, found.live, found.children);
    return { id: guidOf(found.live), readOnly: isReadOnly(found.live) };
  });
}

interface Described {
  readonly live: Dataset;
  /** Child datasets that are not ours. */
  readonly children: readonly string[];
}

async function describeLive(commands: ZfsCommands, volume: VolumePlace, dataset: string): Promise<Described> {
  const output = await commands.zfs([
    'get',
    '-H',
    '-p',
    '-d',
    '1',
    '-t',
    'filesystem,volume',
    '-o',
    COLUMNS,
    ASKED.join(','),
    dataset,
  ]);
  const found = parseProperties(output);
  const own = found.find(({ name }) => name === dataset);
  if (own === undefined)
    throw zfsError(volume, 'look at', dataset, new Error('zfs told nothing of it'), 'VOLUME_UNAVAILABLE');
  const children = found.map(({ name }) => name).filter((name) => name !== dataset && !isHidden(name));
  return { live: own, children };
}

function isHidden(dataset: string): boolean {
  return lastComponent(dataset) === HIDDEN || isTree(dataset);
}

function invalid(name: string, source: string, why: string, missing = false): SnapcommitError {
  return new SnapcommitError('SOURCE_INVALID', `volume ${name}: ${source} ${why}`, { volume: name, source, missing });
}

/** The path without `.`, `..` and trailing slashes. Refuses symlinks in any component. */
async function plainPath(name: string, given: string): Promise<string> {
  if (!isAbsolute(given)) throw invalid(name, given, 'is not an absolute path; give it from / on');
  const normal = normalize(given);
  const plain = normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
  const resolved = await realpath(given).catch((failure: unknown) => {
    if (errnoOf(failure) === 'ENOENT') throw invalid(name, given, 'does not exist', true);
    throw invalid(name, given, `cannot be resolved (${String(failure)})`);
  });
  if (resolved === plain) return plain;
  throw invalid(name, given, `goes through a symlink; give the path that it resolves to, ${resolved}`);
}

/** Where the dataset of this name is mounted. */
async function mountPointOf(commands: ZfsCommands, name: string, dataset: string): Promise<string> {
  const asked = ['get', '-H', '-p', '-o', COLUMNS, ASKED.join(','), dataset];
  const { output, failure } = await commands.attempt(asked);
  const [found] = parseProperties(output);
  if (found === undefined) {
    if (failure !== null && meaningOf(failure) !== 'absent' && meaningOf(failure) !== 'other')
      throw zfsError({ name, source: dataset, publishDirectory: '' }, 'look at', dataset, failure);
    throw invalid(name, dataset, 'is neither an absolute path nor a dataset; `zfs list` shows the datasets', true);
  }
  const type = valueOf(found, 'type');
  if (type === 'volume')
    throw invalid(
      name,
      dataset,
      'is a zvol, a block device without files of its own; snapcommit takes filesystems only',
    );
  if (type !== 'filesystem') throw invalid(name, dataset, `is a ${type ?? 'nothing'}; give the live dataset`);
  const mount = readMounts('self').find((candidate) => datasetOfMount(candidate) === dataset);
  if (mount !== undefined) return mount.mountPoint;
  throw notMounted(name, dataset, found);
}

function notMounted(name: string, dataset: string, found: Dataset): SnapcommitError {
  const isLocked = valueOf(found, 'keystatus') === 'unavailable';
  const mountPoint = valueOf(found, 'mountpoint');
  const advice = isLocked
    ? `is encrypted and its key is not loaded: zfs load-key ${valueOf(found, 'encryptionroot') ?? dataset}, then zfs mount ${dataset}`
    : mountPoint === 'none'
      ? `has no mount point: zfs set mountpoint=DIR ${dataset}`
      : mountPoint === 'legacy'
        ? `is not mounted: mount -t zfs ${dataset} DIR (its mountpoint is legacy, so /etc/fstab decides where)`
        : `is not mounted: zfs mount ${dataset}`;
  return new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${name}: ${dataset} ${advice}`, {
    volume: name,
    source: dataset,
  });
}

function requireDataset(name: string, source: string, mounts: readonly Mount[]): string {
  const dataset = datasetAt(source, mounts);
  if (dataset !== null) return dataset;
  if (source.split('/').includes('.zfs')) throw invalid(name, source, 'lies in a snapshot; give the live dataset');
  const [here] = mountsAt(mounts, source);
  if (here?.type === 'zfs')
    throw invalid(name, source, `shows only ${here.root} of ${here.source}; give the dataset’s own mount point`);
  const around = datasetOfMount(mountOf(mounts, source));
  if (around !== null) {
    const own = mountOf(mounts, source)?.mountPoint ?? '';
    throw invalid(
      name,
      source,
      `is a directory in the dataset ${around}, which is mounted at ${own}; give that one, or make a dataset of the directory (zfs create)`,
    );
  }
  throw invalid(
    name,
    source,
    'is not the mount point of a ZFS dataset; `zfs list -o name,mounted,mountpoint` shows them',
  );
}

/** `mayBeTree`: in the middle of an exchange a tree of ours stands at the live path, and nowhere else outside of our own. */
function refuseOwn(name: string, source: string, live: Dataset, mayBeTree: boolean): void {
  const isTreeOfOurs = isTree(live.name) && localOf(live, ENTRY) !== null;
  const isOurs = localOf(live, LIVE) !== null || (isTreeOfOurs && !mayBeTree);
  const isOurPath = source.split('/').some((part) => part === HIDDEN || isTreeComponent(part));
  if (!isOurs && !isOurPath) return;
  const message = `volume ${name}: ${source} (${live.name}) is snapcommit's own; give a live dataset`;
  throw new SnapcommitError('SOURCE_MANAGED', message, { volume: name, source, dataset: live.name });
}

function refuseState(name: string, source: string, live: Dataset, mayBeReadOnly: boolean): void {
  if (!mayBeReadOnly && isReadOnly(live))
    throw invalid(
      name,
      source,
      `is read-only (${live.name} has readonly=on, or its pool was imported read-only); make it writable first`,
    );
  if (valueOf(live, 'snapdir') === 'disabled')
    throw invalid(
      name,
      source,
      `has snapdir=disabled, so that nobody could read its snapshots: zfs set snapdir=hidden ${live.name}`,
    );
}

/** A snapshot of a dataset holds none of its children. */
function refuseChildren(volume: VolumePlace, live: Dataset, children: readonly string[]): void {
  if (children.length === 0 || localOf(live, CHILDREN) === 'separate') return;
  const named = children.slice(0, NAMED_MAX).join(', ') + (children.length > NAMED_MAX ? ', …' : '');
  throw new SnapcommitError(
    'SOURCE_NESTED',
    `volume ${volume.name}: ${live.name} (${volume.source}) has child datasets, which its snapshots do not contain: ${named}. ` +
      'Add each as a volume of its own to the same group (with --publish outside of this one): one call cuts all datasets of ' +
      'a pool at the same instant. ' +
      `Then, or where they are to be left out, say so: zfs set ${CHILDREN}=separate ${live.name}`,
    { volume: volume.name, source: volume.source, nested: children.slice(0, NAMED_MAX) },
  );
}

function refuseLongName(name: string, source: string, dataset: string): void {
  const longest = NAME_BYTES_MAX - 1 - ENTRY_BYTES_MAX;
  const length = Buffer.byteLength(dataset);
  if (length <= longest) return;
  throw invalid(
    name,
    source,
    `has a name of ${String(length)} bytes (${dataset}); with the names of our snapshots it would pass the ${String(NAME_BYTES_MAX)} that ZFS allows. Rename it to ${String(longest)} at most`,
  );
}

/** It must be a dataset of its own in this pool, or a place where we can make one. */
async function refusePublishDirectory(
  commands: ZfsCommands,
  { name, source, publishDirectory }: VolumePlace,
  dataset: string,
  mounts: readonly Mount[],
): Promise<void> {
  const refuse = (why: string): SnapcommitError =>
    invalid(name, source, `cannot have its publish directory at ${publishDirectory}: ${why}`);
  if (!isAbsolute(publishDirectory) || normalize(publishDirectory) !== publishDirectory)
    throw refuse('it is not an absolute path without . and .. and a slash at the end');
  if (publishDirectory === source || publishDirectory.startsWith(`${source}/`))
    throw refuse('it lies inside the source');
  if (source.startsWith(`${publishDirectory}/`)) throw refuse('the source lies inside it');
  const parent = await nearestExisting(publishDirectory);
  const resolved = await realpath(parent);
  if (resolved !== parent) throw refuse(`it goes through a symlink; the path resolves to ${resolved}`);
  const [here] = mountsAt(mounts, publishDirectory);
  if (here === undefined) return;
  const own = datasetOfMount(here);
  if (own === null || poolOf(own) !== poolOf(dataset))
    throw refuse('something else than a dataset of the same pool is mounted there');
  const [found] = parseProperties(await commands.zfs(['get', '-H', '-p', '-o', COLUMNS, ASKED.join(','), own]));
  const isOurs = found !== undefined && localOf(found, LIVE) !== null;
  if (!isOurs && parentOf(own) === null) throw refuse(`${own} is a pool’s root dataset`);
}

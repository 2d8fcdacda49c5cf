/** Examining a source: which dataset it is, what is refused as a volume, and what `live` looks at again. */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { nearestExisting } from '../../native/existing-path.js';
import { type Mount, mountOf, mountsAt, readMounts } from '../../native/mountinfo.js';
import type { Inspection, LiveTree, NestedTree, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { exchangePossible } from './exchange-possible.js';
import { errnoOf, meaningOf, translated, zfsError } from './failures.js';
import { ENTRY_BYTES_MAX, HIDDEN, lastComponent, NAME_BYTES_MAX, parentOf, poolOf } from './names.js';
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
  RECURSIVE,
  SEPARATE,
  valueOf,
  type Dataset,
} from './properties.js';
import { isHiddenComponent, nestedAmong, whyNotMounted, ZVOL } from './nested.js';
import { datasetAt, datasetOfMount, isTree, liveDataset } from './site.js';
import { absent } from './zfs-failure.js';

const NAMED_MAX = 10;

export async function inspect(
  commands: ZfsCommands,
  name: string,
  given: string,
  publishDirectory: string | null,
  mayBeReadOnly = false,
  /** What is nested in it is the caller's to see to. */
  mayHaveChildren = false,
): Promise<Inspection> {
  const { source, dataset, mounts } = await findSource(commands, name, given);
  const place = { name, source, publishDirectory: publishDirectory ?? join(dirname(source), HIDDEN, name) };
  return translated(
    place,
    'inspect',
    dataset,
    async () => {
      const { live, children, allChildren, nested } = await describeLive(commands, place, dataset, mounts);
      refuseOwn(name, source, live, mayBeReadOnly);
      refuseState(name, source, live, mayBeReadOnly);
      if (!mayHaveChildren) refuseChildren(place, live, children);
      if (!isTree(dataset)) refuseLongName(name, source, dataset);
      await refusePublishDirectory(commands, place, dataset, mounts);
      const guid = (await commands.zpool(['get', '-H', '-p', '-o', 'value', 'guid', poolOf(dataset)])).trim();
      const exchange = exchangePossible(place, live, allChildren, mounts);
      return { ...place, filesystem: `zfs:${guid}`, live: guidOf(live), exchange, ...nested };
    },
    'SOURCE_INVALID',
  );
}

/** What was named, by a path or by a dataset's name: the dataset, and where it is mounted. */
export async function findSource(
  commands: ZfsCommands,
  name: string,
  given: string,
): Promise<{ readonly source: string; readonly dataset: string; readonly mounts: readonly Mount[] }> {
  const source = given.startsWith('/') ? await plainPath(name, given) : await mountPointOf(commands, name, given);
  const mounts = readMounts('self');
  return { source, dataset: requireDataset(name, source, mounts), mounts };
}

/** The live tree's identity, after the checks that can fail later than `inspect` did; `asItStands`: without them. */
export async function live(commands: ZfsCommands, volume: VolumePlace, asItStands = false): Promise<LiveTree> {
  const dataset = liveDataset(volume);
  return translated(volume, 'look at', dataset, async () => {
    const found = await describeLive(commands, volume, dataset, readMounts('self'));
    if (!asItStands) refuseChildren(volume, found.live, found.children);
    return { id: guidOf(found.live), readOnly: isReadOnly(found.live), ...found.nested };
  });
}

interface Described {
  readonly live: Dataset;
  /** Child datasets that are not ours. */
  readonly children: readonly string[];
  /** All of them, ours last: those are the places of volumes that lie below, or lay there. */
  readonly allChildren: readonly string[];
  /** Where it was included and has some. */
  readonly nested: { readonly nested?: readonly NestedTree[] };
}

async function describeLive(
  commands: ZfsCommands,
  volume: VolumePlace,
  dataset: string,
  mounts: readonly Mount[],
): Promise<Described> {
  const found = await commands.describe([dataset], 'filesystem,volume');
  const own = found.find(({ name }) => name === dataset);
  if (own === undefined) throw zfsError(volume, 'look at', dataset, absent(dataset), 'VOLUME_UNAVAILABLE');
  const below = found.filter(({ name }) => name !== dataset);
  const children = below.filter(({ name }) => !isHiddenComponent(lastComponent(name)));
  const isIncluded = localOf(own, CHILDREN) === RECURSIVE && children.length > 0;
  const nested = isIncluded ? { nested: await nestedAmong(commands, dataset, children, mounts) } : {};
  const names = (datasets: readonly Dataset[]): readonly string[] => datasets.map(({ name }) => name);
  const ours = below.filter((dataset) => !children.includes(dataset));
  return { live: own, children: names(children), allChildren: names([...children, ...ours]), nested };
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
  if (type === 'volume') throw invalid(name, dataset, ZVOL);
  if (type !== 'filesystem') throw invalid(name, dataset, `is a ${type ?? 'nothing'}; give the live dataset`);
  const mount = readMounts('self').find((candidate) => datasetOfMount(candidate) === dataset);
  if (mount !== undefined) return mount.mountPoint;
  throw notMounted(name, dataset, found);
}

function notMounted(name: string, dataset: string, found: Dataset): SnapcommitError {
  return new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${name}: ${dataset} ${whyNotMounted(found)}`, {
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
  const isOurPath = source.split('/').some((part) => isHiddenComponent(part));
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
  const said = localOf(live, CHILDREN);
  if (children.length === 0 || said === SEPARATE || said === RECURSIVE) return;
  const named = children.slice(0, NAMED_MAX).join(', ') + (children.length > NAMED_MAX ? ', …' : '');
  throw new SnapcommitError(
    'SOURCE_NESTED',
    `volume ${volume.name}: ${live.name} (${volume.source}) has child datasets, which its snapshots do not contain: ${named}. ` +
      `Add all of them as volumes of their own (snapcommit volume add ${volume.name} --source ${live.name} --recursive) ` +
      'and to the same group: one call cuts all datasets of a pool at the same instant. ' +
      `Or, where they are to be left out, say so: zfs set ${CHILDREN}=${SEPARATE} ${live.name}`,
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
  const [found] = await commands.describe([own]);
  const isOurs = found !== undefined && localOf(found, LIVE) !== null;
  if (!isOurs && parentOf(own) === null) throw refuse(`${own} is a pool’s root dataset`);
}

/**
 * All that belongs to a volume: the live dataset, the place, the writable and the replaced trees, and the entries of the
 * publish directory that these hold. ZFS tells all of it anew each time; promotion moves snapshots between the datasets of
 * a family, so an entry is found by its name and told by its guid, wherever it is.
 */
import { SnapcommitError } from '../../errors.js';
import type { Listed, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import type { Below } from './describing.js';
import { translated } from './failures.js';
import { decodeName, lastComponent, parentOf, poolOf, splitSnapshot } from './names.js';
import {
  BASE,
  DEAD,
  ENTRY,
  guidOf,
  isReadOnly,
  isSnapshot,
  LIVE,
  localOf,
  PLACE,
  STAGED,
  valueOf,
  type Dataset,
} from './properties.js';
import { datasetAt, isTree, placeDataset, treeComponents } from './site.js';

export type EntryKind =
  | 'snapshot'
  | 'tree'
  /** The snapshot that a clone was to be made of, by somebody who died before it was. */
  | 'unfinished';

export interface Entry {
  readonly name: string;
  readonly kind: EntryKind;
  readonly dataset: Dataset;
}

export interface Family {
  readonly place: Dataset;
  /** The live dataset's proper name, also while none or another one is mounted at the live path. */
  readonly liveName: string;
  /** Null while no dataset has that name. */
  readonly live: Dataset | null;
  /** Clones and replaced trees, also those that only keep snapshots (`DEAD`). */
  readonly trees: readonly Dataset[];
  /** Snapshots of the live dataset and of the trees, anybody's. */
  readonly snapshots: readonly Dataset[];
  readonly entries: readonly Entry[];
}

/** `known`: the live dataset's name, for who has just given it to one. */
export async function readFamily(
  commands: ZfsCommands,
  volume: VolumePlace,
  known: string | null = null,
): Promise<Family> {
  const placeName = placeDataset(volume);
  const components = await treeComponents(volume);
  const liveName = known ?? (await findLiveName(commands, volume, placeName));
  const homes = [...new Set([placeName, parentOf(liveName)])].filter((home) => home !== null);
  const names = components.flatMap((component) => homes.map((home) => `${home}/${component}`));
  const asked = [placeName, liveName, ...names];
  const found = await ask(commands, volume, asked, 'filesystem,snapshot');
  const named = (name: string): Dataset | null => found.find((dataset) => dataset.name === name) ?? null;
  const place = named(placeName);
  if (place === null) throw unavailable(volume, placeName);
  const owner = guidOf(place);
  const trees = found.filter((dataset) => names.includes(dataset.name) && localOf(dataset, PLACE) === owner);
  const members = new Set([liveName, ...trees.map(({ name }) => name)]);
  const snapshots = found.filter(
    (dataset) => isSnapshot(dataset) && members.has(splitSnapshot(dataset.name)?.dataset ?? ''),
  );
  return { place, liveName, live: named(liveName), trees, snapshots, entries: entriesOf(place, trees, snapshots) };
}

function unavailable(volume: VolumePlace, dataset: string): SnapcommitError {
  const message = `volume ${volume.name} (${volume.source}): the dataset ${dataset} is gone; was its pool exported?`;
  return new SnapcommitError('VOLUME_UNAVAILABLE', message, { volume: volume.name, dataset });
}

/** What is mounted at the live path says it, unless that is a tree in the middle of an exchange: then the place remembers. */
async function findLiveName(commands: ZfsCommands, volume: VolumePlace, placeName: string): Promise<string> {
  const mounted = datasetAt(volume.source);
  if (mounted !== null && !isTree(mounted)) return mounted;
  const [place] = await ask(commands, volume, [placeName]);
  const remembered = place === undefined ? null : rememberedIn(place);
  if (remembered === null) throw unavailable(volume, placeName);
  return remembered;
}

/** The live dataset's name as the place has it: in its own pool, whatever that is called now. */
export function rememberedIn(place: Dataset): string | null {
  const name = localOf(place, LIVE);
  return name === null ? null : poolOf(place.name) + name.slice(poolOf(name).length);
}

export async function remember(commands: ZfsCommands, place: Dataset, live: string): Promise<void> {
  if (localOf(place, LIVE) !== live) await commands.zfs(['set', `${LIVE}=${live}`, place.name]);
}

/** What there is of `datasets`; those that there are not are left out. */
async function ask(
  commands: ZfsCommands,
  volume: VolumePlace,
  datasets: readonly string[],
  below?: Below,
): Promise<readonly Dataset[]> {
  return translated(volume, 'look at', datasets[0] ?? '', () => commands.describe(datasets, below));
}

function entriesOf(place: Dataset, trees: readonly Dataset[], snapshots: readonly Dataset[]): readonly Entry[] {
  const origins = new Set(trees.map((tree) => valueOf(tree, 'origin')));
  const entries: Entry[] = [];
  for (const dataset of trees) {
    const name = localOf(dataset, ENTRY);
    if (name !== null && !isDead(dataset)) entries.push({ name, kind: 'tree', dataset });
  }
  for (const dataset of snapshots) {
    if (!isOurs(place, dataset)) continue;
    const name = decodeName(splitSnapshot(dataset.name)?.snapshot ?? '');
    if (name === null) continue;
    if (localOf(dataset, BASE) === null) entries.push({ name, kind: 'snapshot', dataset });
    else if (!origins.has(dataset.name)) entries.push({ name, kind: 'unfinished', dataset });
  }
  return entries.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Made by us, for this place and not for an earlier one of the same dataset, and not deleted by us since. */
function isOurs(place: Dataset, snapshot: Dataset): boolean {
  if (!isMade(snapshot)) return false;
  if (valueOf(snapshot, 'defer_destroy') === 'on') return false;
  return BigInt(valueOf(snapshot, 'createtxg') ?? '0') > BigInt(valueOf(place, 'createtxg') ?? '0');
}

/** Whether a snapshot was made by snapcommit. */
export function isMade(snapshot: Dataset): boolean {
  return localOf(snapshot, STAGED) !== null || localOf(snapshot, BASE) !== null;
}

export function isDead(tree: Dataset): boolean {
  return localOf(tree, DEAD) !== null;
}

export function entryOf({ entries }: Family, name: string): Entry | null {
  return (
    entries.find((entry) => entry.name === name && entry.kind !== 'unfinished') ??
    entries.find((entry) => entry.name === name) ??
    null
  );
}

export function byGuid({ live, trees }: Family, guid: string): Dataset | null {
  return [...(live === null ? [] : [live]), ...trees].find((dataset) => guidOf(dataset) === guid) ?? null;
}

export function snapshotsOf({ snapshots }: Family, dataset: Dataset): readonly Dataset[] {
  return snapshots.filter(({ name }) => splitSnapshot(name)?.dataset === dataset.name);
}

export function listed({ name, kind, dataset }: Entry): Listed {
  if (kind === 'unfinished') return { name, id: null, readOnly: true };
  return { name, id: guidOf(dataset), readOnly: kind === 'snapshot' || isReadOnly(dataset) };
}

/** Where a link of the publish directory leads to for this entry. */
export function targetOf(volume: VolumePlace, family: Family, { dataset }: Entry): string {
  const parts = splitSnapshot(dataset.name);
  if (parts === null) return lastComponent(dataset.name);
  const root = parts.dataset === family.liveName ? volume.source : lastComponent(parts.dataset);
  return `${root}/.zfs/snapshot/${parts.snapshot}`;
}

/**
 * The dataset below which trees are. A dataset that is an encryption root of its own can be renamed within its parent only,
 * and so can its clones: they are made beside it. All others are children of the place.
 */
export function homeOf({ place, live, liveName }: Family): string {
  const root = live === null ? null : valueOf(live, 'encryptionroot');
  const isElsewhere = root !== null && root !== valueOf(place, 'encryptionroot');
  return isElsewhere ? (parentOf(liveName) ?? place.name) : place.name;
}

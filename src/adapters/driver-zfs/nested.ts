/**
 * What lies below a dataset: filesystems that can be volumes, containers that hold no files, and what stands in the way,
 * with the reason. Snapshots of a dataset hold nothing of these.
 */
import type { Mount } from '../../native/mountinfo.js';
import type { NestedTree } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { HIDDEN, isTreeComponent } from './names.js';
import { ASKED, CHILDREN, COLUMNS, localOf, parseProperties, SEPARATE, valueOf, type Dataset } from './properties.js';
import { datasetOfMount } from './site.js';

export const ZVOL = 'is a zvol, a block device without files of its own; snapcommit takes filesystems only';

export interface Nested {
  /** Each before what is nested in it. */
  readonly trees: readonly NestedTree[];
  readonly containers: readonly string[];
}

/** All of `found` that lies below the dataset `root`, whatever else is there. PURE. */
export function sortNested(root: string, found: readonly Dataset[], mounts: readonly Mount[]): Nested {
  const trees: NestedTree[] = [];
  const containers: string[] = [];
  const closed: string[] = [];
  const isBelow = (name: string, above: string): boolean => name.startsWith(`${above}/`);
  const below = found.filter(({ name }) => isBelow(name, root) && !isHidden(name.slice(root.length + 1)));
  for (const dataset of below.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    const { name } = dataset;
    if (closed.some((above) => isBelow(name, above))) continue;
    const separate = localOf(dataset, CHILDREN) === SEPARATE;
    if (separate) closed.push(name);
    const mounted = mountedAt(dataset, mounts);
    if (mounted === null && isContainer(dataset)) containers.push(name);
    else trees.push(treeOf(dataset, name.slice(root.length + 1), mounted, separate));
  }
  return { trees, containers };
}

/** What lies below datasets of which `children` were asked for: those of containers, which nobody else looks below, too. */
export async function nestedAmong(
  commands: ZfsCommands,
  root: string,
  children: readonly Dataset[],
  mounts: readonly Mount[],
): Promise<readonly NestedTree[]> {
  const { trees, containers } = sortNested(root, children, mounts);
  if (containers.length === 0) return trees;
  return sortNested(root, [...children, ...(await allBelow(commands, containers))], mounts).trees;
}

/** The datasets and everything below them. */
export async function allBelow(commands: ZfsCommands, datasets: readonly string[]): Promise<readonly Dataset[]> {
  const types = ['-t', 'filesystem,volume'];
  return parseProperties(
    await commands.zfs(['get', '-H', '-p', '-r', ...types, '-o', COLUMNS, ASKED.join(','), ...datasets]),
  );
}

function isHidden(relative: string): boolean {
  return relative.split('/').some((component) => isHiddenComponent(component));
}

/** Whether a dataset of this name is ours, with all that is below it. */
export function isHiddenComponent(component: string): boolean {
  return component === HIDDEN || isTreeComponent(component);
}

/** Where it is mounted; of several mount points its own one. */
function mountedAt(dataset: Dataset, mounts: readonly Mount[]): string | null {
  const points = mounts.filter((mount) => datasetOfMount(mount) === dataset.name).map(({ mountPoint }) => mountPoint);
  const own = valueOf(dataset, 'mountpoint');
  return points.find((point) => point === own) ?? points[0] ?? null;
}

/** By ZFS's own convention: it is there for what is below it, and cannot be mounted. */
function isContainer(dataset: Dataset): boolean {
  return valueOf(dataset, 'type') === 'filesystem' && valueOf(dataset, 'canmount') === 'off';
}

function treeOf(dataset: Dataset, path: string, mounted: string | null, separate: boolean): NestedTree {
  const own = valueOf(dataset, 'mountpoint');
  const source = mounted ?? (own?.startsWith('/') === true ? own : null);
  const obstacle = mounted === null ? whyNoVolume(dataset) : null;
  return { called: dataset.name, path, source, obstacle, separate };
}

function whyNoVolume(dataset: Dataset): string {
  if (valueOf(dataset, 'type') === 'volume') return ZVOL;
  const isBare = valueOf(dataset, 'mountpoint') === 'none';
  const container = isBare ? `; if it is there only to hold others: zfs set canmount=off ${dataset.name}` : '';
  return `${whyNotMounted(dataset)}${container}`;
}

/** Of a filesystem that is not mounted: why not, with what to do. */
export function whyNotMounted(dataset: Dataset): string {
  const { name } = dataset;
  const mountPoint = valueOf(dataset, 'mountpoint');
  if (valueOf(dataset, 'keystatus') === 'unavailable')
    return `is encrypted and its key is not loaded: zfs load-key ${valueOf(dataset, 'encryptionroot') ?? name}, then zfs mount ${name}`;
  if (mountPoint === 'none') return `has no mount point: zfs set mountpoint=DIR ${name}`;
  if (mountPoint === 'legacy')
    return `is not mounted: mount -t zfs ${name} DIR (its mountpoint is legacy, so /etc/fstab decides where)`;
  if (valueOf(dataset, 'canmount') === 'off')
    return `is never mounted (canmount=off), so it holds no files that could be a volume’s: name the datasets below it, or zfs set canmount=on ${name}`;
  return `is not mounted: zfs mount ${name}`;
}

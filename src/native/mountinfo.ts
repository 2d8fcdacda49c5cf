/** Reading the kernel's tables of mounts (/proc/PID/mountinfo). No foreign calls here. */
import { readFileSync } from 'node:fs';

export interface Mount {
  readonly id: number;
  /** The mount that it stands on. */
  readonly parent: number;
  /** `major:minor` of the superblock, in decimal; on btrfs not what stat says of the files below. */
  readonly device: string;
  /** The directory inside the filesystem that this mount shows. */
  readonly root: string;
  /** Where it stands, as the process sees it whose table this is. */
  readonly mountPoint: string;
  /** The mount's own options, such as `ro` and `noatime`. */
  readonly options: readonly string[];
  /** What is mounted below it appears in its peers as well, in other namespaces and elsewhere in this one. */
  readonly shared: boolean;
  readonly type: string;
  /** What was mounted: a block device's path on most filesystems. */
  readonly source: string;
}

/** The mounts that a process sees, in the order in which they were made. `process` is `self` or a pid. */
export function readMounts(process: string): readonly Mount[] {
  const mounts: Mount[] = [];
  for (const line of readFileSync(`/proc/${process}/mountinfo`, 'utf8').split('\n')) {
    const mount = parseMount(line);
    if (mount !== null) mounts.push(mount);
  }
  return mounts;
}

function parseMount(line: string): Mount | null {
  const fields = line.split(' ');
  const [id, parent, device, root, mountPoint, options] = fields;
  const dash = fields.indexOf('-', 6);
  const [type, source] = fields.slice(dash + 1);
  if (id === undefined || device === undefined || root === undefined) return null;
  if (mountPoint === undefined || options === undefined || type === undefined || source === undefined) return null;
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: unescape(root),
    mountPoint: unescape(mountPoint),
    options: options.split(','),
    shared: fields.slice(6, dash).some((field) => field.startsWith('shared:')),
    type,
    source: unescape(source),
  };
}

/** Space, tab, newline and backslash stand there as three octal digits. */
function unescape(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Whether `path` is `directory` or lies below it; both absolute and without `..`. */
export function isWithin(path: string, directory: string): boolean {
  if (directory === '/') return true;
  return path.startsWith(directory) && (path.length === directory.length || path[directory.length] === '/');
}

/** The mounts at exactly `path`, the visible one first: it is the one that no other of them stands on. */
export function mountsAt(mounts: readonly Mount[], path: string): readonly Mount[] {
  const here = mounts.filter((mount) => mount.mountPoint === path);
  const covered = (mount: Mount): boolean => here.some((other) => other.parent === mount.id);
  return [...here.filter((mount) => !covered(mount)), ...here.filter(covered)];
}

/** The mount that shows `path`. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: string | undefined;
  for (const { mountPoint } of mounts)
    if (isWithin(path, mountPoint) && (best === undefined || mountPoint.length > best.length)) best = mountPoint;
  return best === undefined ? undefined : mountsAt(mounts, best)[0];
}

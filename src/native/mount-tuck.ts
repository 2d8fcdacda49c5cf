/**
 * Mounting a filesystem beneath what is mounted at a path already, on kernels without MOVE_MOUNT_BENEATH. A mount that
 * arrives by propagation where another one stands is put beneath that one (since Linux 4.11). So the directory below the
 * mount point is mounted a second time, at a private place, as a peer of the first; what is mounted there arrives beneath.
 */
import { closeSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { openPlainPlace, placePath } from './at.js';
import { isWithin, readMounts } from './mountinfo.js';
import { checkResult, loadLibc } from './library.js';

const MS_REMOUNT = 0x20;
const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MS_STRICTATIME = 0x1000000;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const FLAGS: Readonly<Record<string, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  relatime: 0x200000,
};

export interface Tuck {
  /** An absolute path that nobody else uses; made for the time of the call. */
  readonly workshop: string;
  readonly type: string;
  readonly source: string;
  /** The mount point, and the mount point of the mount that it stands in, which is shared. */
  readonly at: string;
  readonly parent: string;
  /** As mountinfo names them: `noatime`, `nosuid`, … */
  readonly options: readonly string[];
  /** What the filesystem itself is told. */
  readonly data: string | null;
}

/** The filesystem `source` stands beneath the mount at `at` afterwards, in every namespace that the parent's peers are in. */
export function mountTucked({ workshop, type, source, at, parent, options, data }: Tuck): void {
  clearWorkshop(workshop);
  const copy = join(workshop, 'parent');
  const below = join(copy, at.slice(parent === '/' ? 0 : parent.length));
  try {
    mkdirSync(workshop, { recursive: true, mode: 0o700 });
    mount(workshop, workshop, null, MS_BIND);
    // what is mounted inside is nobody else's, but for the peers of the copy
    mount(null, workshop, null, MS_PRIVATE);
    mkdirSync(copy, { recursive: true });
    atPlain(parent, (place) => {
      mount(place, copy, null, MS_BIND);
    });
    const mountBelow = (flags: number): void => {
      atPlain(below, (place) => {
        mount(source, place, type, flags | flagsOf(options), data, below);
      });
    };
    mountBelow(0);
    // where somebody's namespace still holds the filesystem, from another mount point, it has not heard the data
    if (data !== null) mountBelow(MS_REMOUNT);
  } finally {
    clearWorkshop(workshop);
  }
}

/** Takes away what a call left that was killed. Private first: otherwise what arrived at its peers would go, too. */
export function clearWorkshop(workshop: string): void {
  const left = readMounts('self').filter(({ mountPoint }) => isWithin(mountPoint, workshop));
  if (left.length > 0) mount(null, workshop, null, MS_PRIVATE | MS_REC);
  for (const { mountPoint } of left.reverse()) unmount(mountPoint, MNT_DETACH);
  for (const path of [join(workshop, 'parent'), workshop]) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
}

/** Mounts `source` at `at`. Throws EBUSY, ENOENT, …, and ELOOP or ENOTDIR where a symlink is on the way. */
export function mountFilesystem(type: string, source: string, at: string, data: string | null): void {
  atPlain(at, (place) => {
    mount(source, place, type, flagsOf([]), data, at);
  });
}

/** Acts on a directory that is held meanwhile: whoever owns a directory above cannot lead the call anywhere else. */
function atPlain(path: string, act: (place: string) => void): void {
  const held = openPlainPlace(path);
  try {
    act(placePath(held));
  } finally {
    closeSync(held);
  }
}

function flagsOf(options: readonly string[]): number {
  // mountinfo says nothing for strictatime, and the kernel takes nothing for relatime
  const isStrict = !options.includes('relatime') && !options.includes('noatime');
  return (isStrict ? MS_STRICTATIME : 0) | options.reduce((flags, option) => flags | (FLAGS[option] ?? 0), 0);
}

function mount(
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null = null,
  subject = target,
): void {
  const call = loadLibc().func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const char *data)',
  ) as (...values: unknown[]) => number;
  checkResult(call(source, target, type, flags, data), 'mount', subject);
}

function unmount(path: string, flags: number): void {
  const call = loadLibc().func('int umount2(const char *path, int flags)') as (...values: unknown[]) => number;
  checkResult(call(path, flags | UMOUNT_NOFOLLOW), 'umount2', path);
}

/**
 * Detached mounts, of a btrfs filesystem's top level above all, and replacing what a mount point shows without a gap
 * (MOVE_MOUNT_BENEATH, Linux 6.5). A detached mount is in no namespace, nobody else sees it, and it goes away with its
 * descriptor: a crash leaves nothing behind. Each is made from the filesystem itself, never as a copy of a part of another
 * detached one, which the kernel refuses before Linux 6.15 (open_tree: EINVAL).
 */
import { closeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { openPlainPlace, placePath } from './at.js';
import type { ForeignFunction } from './call.js';
import { checkResult, loadLibc } from './library.js';

const AT_FDCWD = -100;
const AT_EMPTY_PATH = 0x1000;
const CLOEXEC = 1;
const SET_STRING = 1;
const CREATE = 6;
const FROM_EMPTY_PATH = 0x4;
const MOVE_MOUNT_BENEATH = 0x200;
const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

const ATTRIBUTE_BYTES = 32;
const ATIME_MASK = 0x70n;
/** mount_setattr's attributes by the names that mountinfo gives them. */
const ATTRIBUTES: Readonly<Record<string, bigint>> = {
  ro: 0x1n,
  nosuid: 0x2n,
  nodev: 0x4n,
  noexec: 0x8n,
  noatime: 0x10n,
  nodiratime: 0x80n,
  nosymfollow: 0x200000n,
};

const DECLARATIONS = {
  fsopen: 'int fsopen(const char *type, uint flags)',
  fsconfig: 'int fsconfig(int fd, uint command, const char *key, const char *value, int aux)',
  fsmount: 'int fsmount(int fd, uint flags, uint attributes)',
  mount_setattr: 'int mount_setattr(int fd, const char *path, uint flags, void *attributes, size_t bytes)',
  move_mount: 'int move_mount(int from, const char *fromPath, int to, const char *toPath, uint flags)',
  umount2: 'int umount2(const char *path, int flags)',
} as const;

const loaded = new Map<string, ForeignFunction>();

function call(name: keyof typeof DECLARATIONS, subject: string, ...values: readonly unknown[]): number {
  let declared = loaded.get(name);
  if (declared === undefined) {
    declared = loadLibc().func(DECLARATIONS[name]);
    loaded.set(name, declared);
  }
  return checkResult(declared(...values), name, subject);
}

/** Mounts a subvolume of the btrfs filesystem on `device`, detached; 5 is its top level. By number: no path is looked up. */
export function mountSubvolume(device: string, id: bigint): number {
  return mountDetached('btrfs', device, { subvolid: String(id) });
}

/** Mounts the filesystem `source` with these options of its own, detached. Close the descriptor to unmount. */
export function mountDetached(type: string, source: string, options: Readonly<Record<string, string>>): number {
  const context = call('fsopen', type, type, CLOEXEC);
  try {
    for (const [key, value] of Object.entries({ source, ...options }))
      call('fsconfig', source, context, SET_STRING, key, value, 0);
    call('fsconfig', source, context, CREATE, null, null, 0);
    return call('fsmount', source, context, CLOEXEC, 0);
  } finally {
    closeSync(context);
  }
}

/**
 * Mounts what `detached` is open on beneath the mount at `mountPoint`, with the mount options (`ro`, `noatime`, …) of
 * `options`. Readers go on seeing the upper mount. Throws ELOOP or ENOTDIR where a symlink is on the way there.
 */
export function mountBeneath(detached: number, mountPoint: string, options: readonly string[]): void {
  call('mount_setattr', mountPoint, detached, '', AT_EMPTY_PATH, attributes(options), ATTRIBUTE_BYTES);
  atMountPoint(mountPoint, (at) => {
    call('move_mount', mountPoint, detached, '', AT_FDCWD, at, FROM_EMPTY_PATH | MOVE_MOUNT_BENEATH);
  });
}

function attributes(options: readonly string[]): Buffer {
  let set = 0n;
  for (const option of options) set |= ATTRIBUTES[option] ?? 0n;
  // neither relatime (all bits clear) nor noatime: mountinfo shows nothing for strictatime
  if (!options.includes('relatime') && !options.includes('noatime')) set |= 0x20n;
  let clear = ATIME_MASK;
  for (const attribute of Object.values(ATTRIBUTES)) clear |= attribute;
  const argument = Buffer.alloc(ATTRIBUTE_BYTES);
  argument.writeBigUInt64LE(set, 0);
  argument.writeBigUInt64LE(clear & ~(set & ~ATIME_MASK), 8);
  return argument;
}

/** Takes the upper mount at `mountPoint` away at once; whoever is in it keeps it until it lets go. */
export function detachMount(mountPoint: string): void {
  atMountPoint(mountPoint, (at) => call('umount2', mountPoint, at, MNT_DETACH | UMOUNT_NOFOLLOW));
}

/** Takes a mount away that nobody uses. @throws EBUSY where somebody does. */
export function unmountIdle(mountPoint: string): void {
  atMountPoint(mountPoint, (at) => call('umount2', mountPoint, at, UMOUNT_NOFOLLOW));
}

/**
 * Acts on a mount point by its name in the directory around it, which is held meanwhile: whoever owns a directory further
 * above cannot lead the call to another mount. The mount itself is not held, since that would be a use of it.
 */
function atMountPoint(mountPoint: string, act: (at: string) => void): void {
  const around = openPlainPlace(dirname(mountPoint));
  try {
    act(`${placePath(around)}/${basename(mountPoint)}`);
  } finally {
    closeSync(around);
  }
}

/** Mount calls for a private mount namespace. They act on the caller's own namespace: never call them outside one. */
import { checkResult, loadLibc } from './library.js';

const MS_BIND = 0x1000;
const MS_REC = 0x4000;
const AT_FDCWD = -100;
/** The number of mount_setattr (Linux 5.12) is the same on every architecture that Node runs on. */
const SYS_MOUNT_SETATTR = 442;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_SIZE = 32;

/** Shows the directory `from` at `at`. Throws a SystemCallError: ENOENT, EPERM, … */
export function bindMount(from: string, at: string): void {
  const mount = loadLibc().func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const void *data)',
  ) as (...values: unknown[]) => number;
  if (mount(from, at, null, MS_BIND, null) === 0) return;
  // In a user namespace the kernel refuses to uncover what the mounts below `from` hide: take them along.
  checkResult(mount(from, at, null, MS_BIND | MS_REC, null), 'mount', `${from} over ${at}`);
}

/** Makes the one mount that stands at `at` read-only, keeping its other flags. Throws a SystemCallError: ENOSYS, EPERM, … */
export function makeMountReadOnly(at: string): void {
  const syscall = loadLibc().func('long syscall(long number, ...)') as (...values: unknown[]) => number;
  const attributes = Buffer.alloc(MOUNT_ATTR_SIZE);
  attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
  const result = syscall(
    SYS_MOUNT_SETATTR,
    'int',
    AT_FDCWD,
    'const char *',
    at,
    'uint',
    0,
    'const void *',
    attributes,
    'size_t',
    MOUNT_ATTR_SIZE,
  );
  checkResult(result, 'mount_setattr', at);
}

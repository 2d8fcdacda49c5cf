/**
 * Mount calls for a private mount namespace. They act on the caller's own namespace: never call them outside one. Source and
 * target are directories that the caller has open, so that no name leads anywhere else meanwhile.
 */
import { closeSync } from 'node:fs';
import { placePath } from './at.js';
import { checkResult, loadLibc } from './library.js';

const MS_BIND = 0x1000;
const MS_REC = 0x4000;

/** Of the same number on every architecture that Node runs on; some C libraries have no names for them. */
const SYSTEM_CALLS = { open_tree: 428, move_mount: 429, mount_setattr: 442 } as const;
const AT_EMPTY_PATH = 0x1000;
const AT_RECURSIVE = 0x8000;
const OPEN_TREE_CLONE = 1;
const OPEN_TREE_CLOEXEC = 0x80000;
const FROM_EMPTY_PATH = 0x4;
const TO_EMPTY_PATH = 0x40;
const MOUNT_ATTR_RDONLY = 1n;
const MOUNT_ATTR_SIZE = 32;

/** Shows the open directory `from` at the open directory `at`; `subject` is for the SystemCallError: ENOENT, EPERM, … */
export function bindMount(from: number, at: number, subject: string): void {
  const mount = loadLibc().func(
    'int mount(const char *source, const char *target, const char *type, ulong flags, const void *data)',
  ) as (...values: unknown[]) => number;
  const [source, target] = [placePath(from), placePath(at)];
  if (mount(source, target, null, MS_BIND, null) === 0) return;
  // In a user namespace the kernel refuses to uncover what the mounts below `from` hide: take them along.
  checkResult(mount(source, target, null, MS_BIND | MS_REC, null), 'mount', subject);
}

/**
 * The same with the one mount read-only before anybody sees it, its other flags kept; what is taken along from below stays
 * as it is. Needs Linux 5.12 (ENOSYS).
 */
export function bindMountReadOnly(from: number, at: number, subject: string): void {
  const flags = AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC;
  const open = (more: number): number => call('open_tree', 'int', from, 'const char *', '', 'uint', flags | more);
  const alone = open(0);
  const tree = alone < 0 ? checkResult(open(AT_RECURSIVE), 'open_tree', subject) : alone;
  try {
    const attributes = Buffer.alloc(MOUNT_ATTR_SIZE);
    attributes.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
    const wanted = ['uint', AT_EMPTY_PATH, 'const void *', attributes, 'size_t', MOUNT_ATTR_SIZE];
    checkResult(call('mount_setattr', 'int', tree, 'const char *', '', ...wanted), 'mount_setattr', subject);
    const [source, target] = [tree, at].map((descriptor) => ['int', descriptor, 'const char *', '']);
    const how = ['uint', FROM_EMPTY_PATH | TO_EMPTY_PATH];
    checkResult(call('move_mount', ...(source ?? []), ...(target ?? []), ...how), 'move_mount', subject);
  } finally {
    closeSync(tree);
  }
}

/** Values after their types, as a variadic call of koffi's wants them. */
function call(name: keyof typeof SYSTEM_CALLS, ...values: readonly unknown[]): number {
  const syscall = loadLibc().func('long syscall(long number, ...)') as (...values: unknown[]) => number;
  return syscall(SYSTEM_CALLS[name], ...values);
}

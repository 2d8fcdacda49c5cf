/**
 * What Node cannot do to a file's metadata: times in nanoseconds, extended attributes, FIFOs and device nodes. Nothing
 * here follows a symlink in the last component. Paths are bytes.
 */
import { constants } from 'node:os';
import { checkResult, loadKoffi, loadLibc, SystemCallError } from './library.js';

type Call = (...values: unknown[]) => number;

interface Calls {
  readonly utimensat: Call;
  readonly futimens: Call;
  readonly llistxattr: Call;
  readonly flistxattr: Call;
  readonly lgetxattr: Call;
  readonly fgetxattr: Call;
  readonly lsetxattr: Call;
  readonly fsetxattr: Call;
  readonly mknod: Call;
}

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const NANOSECONDS = 1_000_000_000n;

let loaded: Calls | undefined;

function calls(): Calls {
  if (loaded !== undefined) return loaded;
  const libc = loadLibc();
  loaded = {
    utimensat: libc.func('int utimensat(int dirfd, const uint8_t *path, const int64_t *times, int flags)'),
    futimens: libc.func('int futimens(int fd, const int64_t *times)'),
    llistxattr: libc.func('long llistxattr(const uint8_t *path, _Out_ uint8_t *list, size_t size)'),
    flistxattr: libc.func('long flistxattr(int fd, _Out_ uint8_t *list, size_t size)'),
    lgetxattr: libc.func('long lgetxattr(const uint8_t *path, const char *name, _Out_ uint8_t *value, size_t size)'),
    fgetxattr: libc.func('long fgetxattr(int fd, const char *name, _Out_ uint8_t *value, size_t size)'),
    lsetxattr: libc.func(
      'int lsetxattr(const uint8_t *path, const char *name, const uint8_t *value, size_t size, int flags)',
    ),
    fsetxattr: libc.func('int fsetxattr(int fd, const char *name, const uint8_t *value, size_t size, int flags)'),
    mknod: libc.func('int mknod(const uint8_t *path, uint mode, uint64_t dev)'),
  };
  return loaded;
}

/** Sets access and modification time, ns since the epoch. `file`: a path or a descriptor. */
export function setTimes(file: Buffer | number, atimeNs: bigint, mtimeNs: bigint): void {
  const times = new BigInt64Array([...timespec(atimeNs), ...timespec(mtimeNs)]);
  const { utimensat, futimens } = calls();
  const result =
    typeof file === 'number'
      ? futimens(file, times)
      : utimensat(AT_FDCWD, terminated(file), times, AT_SYMLINK_NOFOLLOW);
  checkResult(result, 'utimensat', String(file));
}

/** Seconds round down, also before the epoch: the nanoseconds of a timespec are never negative. */
function timespec(ns: bigint): readonly [bigint, bigint] {
  const rest = ((ns % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
  return [(ns - rest) / NANOSECONDS, rest];
}

/** The names of the file's extended attributes; none where the filesystem has no such thing. `file`: a path or a descriptor. */
export function listXattrs(file: Buffer | number): readonly string[] {
  const { llistxattr, flistxattr } = calls();
  const read = (list: Buffer): number =>
    typeof file === 'number' ? flistxattr(file, list, list.length) : llistxattr(terminated(file), list, list.length);
  const list = readWhole(read, 'listxattr', file, ['ENOTSUP', 'EOPNOTSUPP']);
  if (list === null) return [];
  return list
    .toString('utf8')
    .split('\0')
    .filter((name) => name !== '');
}

/** One attribute's value; null where it is gone. */
export function getXattr(file: Buffer | number, name: string): Buffer | null {
  const { lgetxattr, fgetxattr } = calls();
  const read = (value: Buffer): number =>
    typeof file === 'number'
      ? fgetxattr(file, name, value, value.length)
      : lgetxattr(terminated(file), name, value, value.length);
  return readWhole(read, `getxattr ${name}`, file, ['ENODATA']);
}

export function setXattr(file: Buffer | number, name: string, value: Buffer): void {
  const { lsetxattr, fsetxattr } = calls();
  const result =
    typeof file === 'number'
      ? fsetxattr(file, name, value, value.length, 0)
      : lsetxattr(terminated(file), name, value, value.length, 0);
  checkResult(result, `setxattr ${name}`, String(file));
}

/** Makes a FIFO or a device node; `mode` holds its type. */
export function makeNode(path: Buffer, mode: number, device: bigint): void {
  checkResult(calls().mknod(terminated(path), mode, device), 'mknod', path.toString());
}

/** Reads with a small buffer, and with one of the kernel's largest size where that is not enough. */
function readWhole(
  read: (buffer: Buffer) => number,
  syscall: string,
  file: Buffer | number,
  absent: readonly string[],
): Buffer | null {
  for (const size of [256, 65_536]) {
    const buffer = Buffer.alloc(size);
    const length = read(buffer);
    if (length >= 0) return buffer.subarray(0, length);
    const failure = new SystemCallError(syscall, loadKoffi().errno(), String(file));
    if (absent.includes(failure.code)) return null;
    if (failure.code !== 'ERANGE') throw failure;
  }
  throw new SystemCallError(syscall, constants.errno.ERANGE, String(file));
}

function terminated(path: Buffer): Buffer {
  return Buffer.concat([path, Buffer.of(0)]);
}

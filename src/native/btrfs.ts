/**
 * Subvolumes through libbtrfsutil, the filesystem's own library. Works on open directories, never on paths, so that
 * what was checked is what is acted on. Getters are single quick ioctls and are called at once; whatever commits a
 * transaction runs on a worker thread. Errors are SystemCallErrors with the errno that the library left.
 */
import { SnapcommitError } from '../errors.js';
import { callAsync, type ForeignFunction } from './call.js';
import { loadKoffi, loadLibc, SystemCallError } from './library.js';

export interface SubvolumeInfo {
  /** 5 is the filesystem's root. */
  readonly id: bigint;
  /** The identity: 36 characters, lowercase; the filesystem's root may have none (all zeroes). */
  readonly uuid: string;
  readonly parentUuid: string;
  /** The transaction of the newest change to an inode; old until the filesystem is synced. */
  readonly changeTransaction: bigint;
  /** The transaction that made the subvolume. */
  readonly originTransaction: bigint;
}

const INFO_BYTES = 184;
const SNAPSHOT_READ_ONLY = 2;
const DELETE_RECURSIVE = 1;
const STOP_ITERATION = 1;

const DECLARATIONS = {
  is_subvolume_fd: 'int btrfs_util_is_subvolume_fd(int fd)',
  subvolume_info_fd: 'int btrfs_util_subvolume_info_fd(int fd, uint64_t id, void *info)',
  get_subvolume_read_only_fd: 'int btrfs_util_get_subvolume_read_only_fd(int fd, void *value)',
  set_subvolume_read_only_fd: 'int btrfs_util_set_subvolume_read_only_fd(int fd, bool value)',
  get_default_subvolume_fd: 'int btrfs_util_get_default_subvolume_fd(int fd, void *id)',
  create_subvolume_fd:
    'int btrfs_util_create_subvolume_fd(int parent, const char *name, int flags, void *unused, void *qgroup)',
  create_snapshot_fd2:
    'int btrfs_util_create_snapshot_fd2(int fd, int parent, const char *name, int flags, void *unused, void *qgroup)',
  delete_subvolume_fd: 'int btrfs_util_delete_subvolume_fd(int parent, const char *name, int flags)',
  create_subvolume_iterator_fd:
    'int btrfs_util_create_subvolume_iterator_fd(int fd, uint64_t top, int flags, _Out_ void **iterator)',
  destroy_subvolume_iterator: 'void btrfs_util_destroy_subvolume_iterator(void *iterator)',
  subvolume_iterator_next:
    'int btrfs_util_subvolume_iterator_next(void *iterator, _Out_ void **path, _Out_ uint64_t *id)',
} as const;

const loaded = new Map<string, ForeignFunction>();
let free: ForeignFunction | undefined;
let library: ReturnType<ReturnType<typeof loadKoffi>['load']> | undefined;

function load(): NonNullable<typeof library> {
  const koffi = loadKoffi();
  try {
    return (library ??= koffi.load('libbtrfsutil.so.1'));
  } catch (cause) {
    throw new SnapcommitError(
      'DEPENDENCY_MISSING',
      'the library libbtrfsutil.so.1, which btrfs volumes need, could not be loaded; install the package libbtrfsutil1 (Debian, Ubuntu) or btrfs-progs (others)',
      { library: 'libbtrfsutil.so.1', package: 'libbtrfsutil1' },
      cause,
    );
  }
}

/** Whether libbtrfsutil can be loaded here. @throws DEPENDENCY_MISSING where koffi itself is not there to load it. */
export function hasLibbtrfsutil(): boolean {
  loadKoffi();
  try {
    load();
    return true;
  } catch {
    return false;
  }
}

function foreign(name: keyof typeof DECLARATIONS): ForeignFunction {
  const known = loaded.get(name);
  if (known !== undefined) return known;
  const declared = load().func(DECLARATIONS[name]);
  loaded.set(name, declared);
  return declared;
}

function call(name: keyof typeof DECLARATIONS, subject: string, ...values: readonly unknown[]): void {
  if (foreign(name)(...values) !== 0) throw new SystemCallError(`btrfs ${name}`, loadKoffi().errno(), subject);
}

async function callWorker(
  name: keyof typeof DECLARATIONS,
  subject: string,
  ...values: readonly unknown[]
): Promise<void> {
  const { result, errno } = await callAsync(foreign(name), ...values);
  if (result !== 0) throw new SystemCallError(`btrfs ${name}`, errno, subject);
}

/** Whether the open directory is the root of a subvolume; false on other filesystems. */
export function isSubvolume(fd: number): boolean {
  return foreign('is_subvolume_fd')(fd) === 0;
}

export function subvolumeInfo(fd: number, subject: string): SubvolumeInfo {
  const info = Buffer.alloc(INFO_BYTES);
  call('subvolume_info_fd', subject, fd, 0, info);
  return {
    id: info.readBigUInt64LE(0),
    uuid: formatUuid(info.subarray(32, 48)),
    parentUuid: formatUuid(info.subarray(48, 64)),
    changeTransaction: info.readBigUInt64LE(88),
    originTransaction: info.readBigUInt64LE(96),
  };
}

export function formatUuid(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export function isReadOnly(fd: number, subject: string): boolean {
  const value = Buffer.alloc(1);
  call('get_subvolume_read_only_fd', subject, fd, value);
  return value[0] !== 0;
}

/** Durable when it resolves. */
export function setReadOnly(fd: number, readOnly: boolean, subject: string): Promise<void> {
  return callWorker('set_subvolume_read_only_fd', subject, fd, readOnly);
}

/** The id of the subvolume that a mount without options shows. Needs root. */
export function defaultSubvolume(fd: number, subject: string): bigint {
  const id = Buffer.alloc(8);
  call('get_default_subvolume_fd', subject, fd, id);
  return id.readBigUInt64LE(0);
}

/** Makes an empty subvolume. Not durable until the filesystem is synced. */
export function createSubvolume(parentFd: number, name: string): Promise<void> {
  return callWorker('create_subvolume_fd', name, parentFd, name, 0, null, null);
}

/** Durable when it resolves. EEXIST when the name is taken by anything. */
export function createSnapshot(fd: number, parentFd: number, name: string, readOnly: boolean): Promise<void> {
  const flags = readOnly ? SNAPSHOT_READ_ONLY : 0;
  return callWorker('create_snapshot_fd2', name, fd, parentFd, name, flags, null, null);
}

/** Deletes a subvolume and those inside it, deepest first. Not durable until the parent directory is synced. */
export function deleteSubvolume(parentFd: number, name: string): Promise<void> {
  return callWorker('delete_subvolume_fd', name, parentFd, name, DELETE_RECURSIVE);
}

/** The subvolumes inside the open subvolume, as paths relative to it, in no order; those that `skip` picks do not count. */
export function nestedSubvolumes(
  fd: number,
  subject: string,
  limit: number,
  skip: (path: string) => boolean,
): readonly string[] {
  const iterator: [unknown] = [null];
  call('create_subvolume_iterator_fd', subject, fd, 0, 0, iterator);
  try {
    const found: string[] = [];
    while (found.length < limit) {
      const path = nextSubvolume(iterator[0], subject);
      if (path === null) break;
      if (!skip(path)) found.push(path);
    }
    return found;
  } finally {
    foreign('destroy_subvolume_iterator')(iterator[0]);
  }
}

function nextSubvolume(iterator: unknown, subject: string): string | null {
  const path: [unknown] = [null];
  const result = foreign('subvolume_iterator_next')(iterator, path, [0]);
  if (result === STOP_ITERATION) return null;
  if (result !== 0) throw new SystemCallError('btrfs subvolume_iterator_next', loadKoffi().errno(), subject);
  const text = loadKoffi().decode.string(path[0]);
  free ??= loadLibc().func('void free(void *memory)');
  free(path[0]);
  return text;
}

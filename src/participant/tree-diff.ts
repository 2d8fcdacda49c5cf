/**
 * What differs between two trees: every path that was added, changed or removed. Both are walked in step, in bounded
 * memory, and no symlink is followed. Read-only snapshots of one filesystem share their files' inodes, so that what did
 * not change is told without reading it.
 */
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readlink, type FileHandle } from 'node:fs/promises';
import { SnapcommitError } from '../errors.js';
import { childPath, openDirectory, readNames } from '../native/at.js';
import { compareText, type Name } from '../native/path-bytes.js';

export interface TreeChange {
  readonly kind: 'added' | 'changed' | 'removed';
  /** From the trees' roots; odd bytes escaped (see renderBytes). `.` is the root itself. */
  readonly path: string;
}

/** An open directory of one of the two trees; null on a side that has none there. */
type Side = FileHandle | null;

interface Entry {
  readonly status: BigIntStats;
  readonly location: Buffer;
}

const FILE = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CHUNK_BYTES = 1 << 18;
/** btrfs shows a nested subvolume in a snapshot as an empty directory with this inode. */
const STUB_INODE = 2n;

/**
 * Compares type, mode, owner, group, symlink target, device number, size and content; not times, not extended
 * attributes. Ordered by path, component by component: a directory comes right before its content, and all that is in
 * an added or removed directory is named too. Rejects with VOLUME_UNAVAILABLE where a tree is missing and with DENIED
 * where something may not be read.
 */
export async function* diffTrees(before: string, after: string): AsyncGenerator<TreeChange, void, undefined> {
  const old = await openRoot(before);
  try {
    const now = await openRoot(after);
    try {
      const [left, right] = [await old.stat({ bigint: true }), await now.stat({ bigint: true })];
      if (!sameAttributes(left, right)) yield { kind: 'changed', path: '.' };
      yield* diffDirectories(old, now, '');
    } finally {
      await now.close();
    }
  } finally {
    await old.close();
  }
}

async function openRoot(path: string): Promise<FileHandle> {
  return openDirectory(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
}

async function* diffDirectories(old: Side, now: Side, prefix: string): AsyncGenerator<TreeChange, void, undefined> {
  for (const name of await mergeNames(old, now, prefix)) {
    const path = prefix + name.text;
    const [left, right] = [await lookUp(old, name), await lookUp(now, name)];
    const kind = await judge(left, right, path);
    if (kind !== null) yield { kind, path };
    const [oldChild, nowChild] = [await openChild(left, path), await openChild(right, path)];
    try {
      if (oldChild !== null || nowChild !== null) yield* diffDirectories(oldChild, nowChild, `${path}/`);
    } finally {
      await oldChild?.close();
      await nowChild?.close();
    }
  }
}

/** Both sides' names in walk order, each once. */
async function mergeNames(old: Side, now: Side, prefix: string): Promise<readonly Name[]> {
  const namesOf = async (side: Side): Promise<readonly Name[]> => (side === null ? [] : readNames(side));
  const sides = await Promise.all([namesOf(old), namesOf(now)]).catch((error: unknown) => {
    throw readFailure(prefix, error);
  });
  const names = new Map(sides.flat().map((name) => [name.text, name]));
  return [...names.values()].sort((a, b) => compareText(a.text, b.text));
}

async function lookUp(side: Side, name: Name): Promise<Entry | null> {
  if (side === null) return null;
  const location = childPath(side, name.bytes);
  try {
    return { status: await lstat(location, { bigint: true }), location };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw readFailure(name.text, error);
  }
}

async function openChild(entry: Entry | null, path: string): Promise<FileHandle | null> {
  if (entry?.status.isDirectory() !== true || isStub(entry.status)) return null;
  return openDirectory(entry.location).catch((error: unknown) => {
    throw readFailure(path, error);
  });
}

async function judge(left: Entry | null, right: Entry | null, path: string): Promise<TreeChange['kind'] | null> {
  if (left === null) return right === null ? null : 'added';
  if (right === null) return 'removed';
  const same = await isSame(left, right).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  return same ? null : 'changed';
}

async function isSame(left: Entry, right: Entry): Promise<boolean> {
  const [old, now] = [left.status, right.status];
  if (isUntouched(old, now)) return true;
  // A stub's owner, mode and times are made up by the filesystem.
  if (isStub(old) || isStub(now)) return old.isDirectory() && now.isDirectory();
  if (!sameAttributes(old, now)) return false;
  if (old.isFile()) return old.size === now.size && (await sameContent(left, right));
  if (old.isSymbolicLink()) return sameTarget(left, right);
  return old.rdev === now.rdev;
}

/** One inode that nothing changed: a change of any kind moves the time of change. */
function isUntouched(old: BigIntStats, now: BigIntStats): boolean {
  return (
    old.ino === now.ino &&
    old.size === now.size &&
    old.mtimeNs === now.mtimeNs &&
    old.ctimeNs === now.ctimeNs &&
    old.mode === now.mode
  );
}

/** `mode` holds the type as well. */
function sameAttributes(old: BigIntStats, now: BigIntStats): boolean {
  return old.mode === now.mode && old.uid === now.uid && old.gid === now.gid;
}

function isStub(status: BigIntStats): boolean {
  return status.isDirectory() && status.ino === STUB_INODE;
}

async function sameTarget(left: Entry, right: Entry): Promise<boolean> {
  const old = await readlink(left.location, { encoding: 'buffer' });
  return old.equals(await readlink(right.location, { encoding: 'buffer' }));
}

async function sameContent(left: Entry, right: Entry): Promise<boolean> {
  const old = await open(left.location, FILE);
  try {
    const now = await open(right.location, FILE);
    try {
      return await sameBytes(old, now);
    } finally {
      await now.close();
    }
  } finally {
    await old.close();
  }
}

async function sameBytes(old: FileHandle, now: FileHandle): Promise<boolean> {
  const [left, right] = [Buffer.allocUnsafe(CHUNK_BYTES), Buffer.allocUnsafe(CHUNK_BYTES)];
  for (let position = 0; ;) {
    const [a, b] = await Promise.all([fill(old, left, position), fill(now, right, position)]);
    if (!left.subarray(0, a).equals(right.subarray(0, b))) return false;
    if (a < CHUNK_BYTES) return true;
    position += a;
  }
}

/** Reads until the buffer is full or the file ends: a short read is no end. */
async function fill(file: FileHandle, buffer: Buffer, position: number): Promise<number> {
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, position + length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length;
}

function readFailure(path: string, error: unknown): SnapcommitError {
  if (error instanceof SnapcommitError) return error;
  const errno = errnoOf(error);
  if (errno === 'EACCES' || errno === 'EPERM') {
    return new SnapcommitError(
      'DENIED',
      `${path} may not be read by this user, so the trees cannot be compared`,
      { path },
      error,
    );
  }
  return new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `${path} cannot be read (${errno === '' ? String(error) : errno})`,
    { path, errno },
    error,
  );
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

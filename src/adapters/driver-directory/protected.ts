/**
 * Files and directories that are immutable or append-only (chattr): a copy is as its source, the top of a tree excepted, which
 * could not be renamed then; and what is to be deleted is freed of it.
 */
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { handlePath, openDirectory } from '../../native/at.js';
import { protectionOf, setProtection } from '../../native/protection.js';
import { errnoOf } from './failures.js';

/** Linux: a descriptor that stands for a file without opening it; to open a device may do something to it. */
const O_PATH = 0o10000000;
const READ = constants.O_RDONLY | constants.O_NONBLOCK;
const NOT_ALLOWED: readonly string[] = ['EPERM', 'EACCES', 'ENOTTY', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'];

/**
 * Protects a copy. `must`: it is to take its source's place, which would lose that; a capture by who may not set it goes
 * without. Durable with the copy.
 */
export function keepProtection(target: FileHandle, protection: number, must: boolean, text: string): void {
  if (protection === 0) return;
  try {
    setProtection(target.fd, protection, text);
  } catch (error) {
    if (!NOT_ALLOWED.includes(errnoOf(error))) throw error;
    if (!must) return;
    throw new SnapcommitError(
      'STAGE_FAILED',
      `${text} is immutable or append-only, which a copy made by this user cannot be, so nothing was kept; run as root, or clear it before (chattr -i -a)`,
      { path: text, errno: errnoOf(error) },
      error,
    );
  }
}

/** The same for a file of the copy that is not open. */
export async function keepProtectionAt(path: Buffer, protection: number, must: boolean, text: string): Promise<void> {
  const target = await open(path, READ | constants.O_NOFOLLOW);
  try {
    keepProtection(target, protection, must, text);
  } finally {
    await target.close();
  }
}

/** Whether this directory is immutable or append-only, so that neither it nor its names can be renamed. */
export async function isProtected(path: string): Promise<boolean> {
  const directory = await openDirectory(path).catch((error: unknown) => {
    if (['EACCES', 'ENOTDIR'].includes(errnoOf(error))) return null;
    throw error;
  });
  if (directory === null) return false;
  try {
    return protectionOf(directory.fd, path) !== 0;
  } finally {
    await directory.close();
  }
}

/**
 * Frees `path` in the open `directory`, and that itself, for `act`, which deletes it. False, and nothing was done, where
 * nothing protects them, or this user may not change that. Both are to be deleted: what has other names keeps its protection.
 */
export async function withoutProtection(
  directory: FileHandle,
  path: Buffer,
  act: () => Promise<void>,
): Promise<boolean> {
  const own = await openInside(directory, path);
  try {
    const before = own === null ? 0 : protectionOf(own.fd, path.toString());
    const isFreed = [directory, own].map((handle) => handle !== null && free(handle)).includes(true);
    if (!isFreed) return false;
    try {
      await act();
    } finally {
      if (own !== null && before !== 0 && (await own.stat()).nlink > 0) setProtection(own.fd, before, path.toString());
    }
    return true;
  } finally {
    await own?.close();
  }
}

function free(handle: FileHandle): boolean {
  const path = handlePath(handle);
  if (protectionOf(handle.fd, path) === 0) return false;
  try {
    setProtection(handle.fd, 0, path);
    return true;
  } catch (error) {
    if (NOT_ALLOWED.includes(errnoOf(error))) return false;
    throw error;
  }
}

/** Null for what cannot be protected, is of another filesystem, or is not to be opened by this user. */
async function openInside(directory: FileHandle, path: Buffer): Promise<FileHandle | null> {
  const found = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    const status = await found.stat();
    if (!status.isFile() && !status.isDirectory()) return null;
    if (status.dev !== (await directory.stat()).dev) return null;
    return await open(handlePath(found), READ);
  } catch (error) {
    if (NOT_ALLOWED.includes(errnoOf(error))) return null;
    throw error;
  } finally {
    await found.close();
  }
}

/**
 * Directories and files that only their owner may read, and that stand where they seem to: none is reached through a
 * symbolic link, so that whoever can place one gets neither a key written elsewhere nor another directory's mode changed.
 */
import { constants } from 'node:fs';
import { mkdir, open, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { syncDirectory } from '../../native/sync.js';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** Mode 0700, also where it was there; durable when it resolves. @throws STATE_DIRECTORY_INVALID, DENIED */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const directory = await openItself(path, O_RDONLY | O_DIRECTORY);
  try {
    const { uid } = await directory.stat();
    const own = process.getuid?.() ?? 0;
    if (uid !== own && own !== 0)
      throw new SnapcommitError('DENIED', `${path} belongs to user id ${String(uid)}; run as that user`, { path });
    await directory.chmod(0o700);
  } finally {
    await directory.close();
  }
  await syncDirectory(dirname(path));
}

/** Null where there is none. @throws STATE_DIRECTORY_INVALID when it is no file. */
export async function readPrivate(path: string): Promise<string | null> {
  let file: FileHandle;
  try {
    file = await openItself(path, O_RDONLY);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
  try {
    if (!(await file.stat()).isFile()) throw invalid(path, 'is no file');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function openItself(path: string, flags: number): Promise<FileHandle> {
  try {
    return await open(path, flags | O_NOFOLLOW);
  } catch (error) {
    // With O_DIRECTORY the kernel says of a link, too, that it is no directory.
    if (isErrno(error, 'ELOOP') || isErrno(error, 'ENOTDIR'))
      throw invalid(path, 'is a symbolic link, or no directory');
    throw error;
  }
}

function invalid(path: string, what: string): SnapcommitError {
  const advice = 'keys are kept only where they seem to be: put what belongs there in its place, or move it away';
  return new SnapcommitError('STATE_DIRECTORY_INVALID', `${path} ${what}; ${advice}`, { path });
}

function isErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && 'code' in error && error.code === errno;
}

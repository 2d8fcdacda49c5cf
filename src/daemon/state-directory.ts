/** The state directory: made by `init`, private to its owner, checked whenever it is opened. */
import { lstatSync } from 'node:fs';
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import { syncDirectory } from '../native/sync.js';

/** What else may stand there: of the user, of the filesystem, of a cluster's member. */
const OTHERS = ['config.json', 'lost+found', 'cluster', 'daemon.sock'];
const ROOMS = ['locks', 'views', 'freeze', 'owed', 'courtesy'];

export const logDirectory = (stateDirectory: string): string => join(stateDirectory, 'log');
export const lockDirectory = (stateDirectory: string): string => join(stateDirectory, 'locks');

/** Makes the state directory and its rooms, mode 0700; durable when it resolves. The log is made by its own engine. */
export async function makeStateDirectory(stateDirectory: string): Promise<void> {
  const existing = await lstat(stateDirectory).catch(ignoreMissing);
  if (existing === null) {
    const first = await mkdir(stateDirectory, { recursive: true, mode: 0o700 }).catch((error: unknown) => {
      throw unusable(stateDirectory, error);
    });
    // Every new component's name stands in its parent (D7).
    for (let made = stateDirectory; first !== undefined && made.length >= first.length; made = dirname(made)) {
      await syncDirectory(dirname(made));
    }
  } else {
    await assertOurs(stateDirectory);
    const strange = (await readdir(stateDirectory)).filter(
      (name) => !ROOMS.includes(name) && !OTHERS.includes(name) && !name.startsWith('log'),
    );
    if (strange.length > 0) {
      throw new SnapcommitError(
        'STATE_DIRECTORY_INVALID',
        `${stateDirectory} holds other things (${strange.slice(0, 3).join(', ')}); name an empty or a new directory.`,
        { stateDirectory },
      );
    }
  }
  try {
    // Not `recursive`: with it Node says ENOENT where the kernel says ENOSPC.
    for (const room of ROOMS) await mkdir(join(stateDirectory, room), { mode: 0o700 }).catch(ignoreExisting);
    await syncDirectory(stateDirectory);
  } catch (error) {
    throw unusable(stateDirectory, error);
  }
}

/** Refuses a state directory that is missing, no directory, a symlink, another user's, or open to others. */
export async function assertOurs(stateDirectory: string): Promise<void> {
  // At once: every command asks this first, and fs/promises takes longer to load than to answer.
  const found = lstatSync(stateDirectory, { throwIfNoEntry: false });
  if (found === undefined) {
    throw new SnapcommitError(
      'STATE_NOT_FOUND',
      `there is no state directory ${stateDirectory}; \`snapcommit init\` makes one.`,
      {
        stateDirectory,
      },
    );
  }
  const invalid = (problem: string): SnapcommitError =>
    new SnapcommitError('STATE_DIRECTORY_INVALID', `the state directory ${stateDirectory} ${problem}`, {
      stateDirectory,
    });
  if (found.isSymbolicLink()) throw invalid('is a symbolic link; name the directory itself.');
  if (!found.isDirectory()) throw invalid('is no directory.');
  const uid = process.getuid?.() ?? 0;
  if (found.uid !== uid && uid !== 0) {
    throw new SnapcommitError(
      'DENIED',
      `the state directory ${stateDirectory} belongs to user id ${String(found.uid)}; run as that user.`,
    );
  }
  if ((found.mode & 0o077) !== 0) throw invalid('can be entered by others; `chmod 700` it first.');
}

function unusable(stateDirectory: string, cause: unknown): SnapcommitError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const isFull = isErrno(cause, 'ENOSPC') || isErrno(cause, 'EDQUOT');
  const isDenied = isErrno(cause, 'EACCES') || isErrno(cause, 'EPERM');
  const advice = isFull ? 'Free some space, then try again.' : 'Name a directory that can be written (--state-dir).';
  return new SnapcommitError(
    isFull ? 'STORE_FULL' : isDenied ? 'DENIED' : 'STORE_READ_ONLY',
    `cannot make the state directory ${stateDirectory}: ${reason}. ${advice}`,
    { stateDirectory },
    cause,
  );
}

function isErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && 'code' in error && error.code === errno;
}

function ignoreMissing(error: unknown): null {
  if (isErrno(error, 'ENOENT')) return null;
  throw error;
}

function ignoreExisting(error: unknown): void {
  if (!isErrno(error, 'EEXIST')) throw error;
}

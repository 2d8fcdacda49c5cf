/**
 * Whether a file may run as a hook, with our rights. Nobody but root and ourselves may be able to change what would be
 * run: neither the file, nor any directory on the way to it.
 */
import type { Stats } from 'node:fs';
import { access, constants, lstat, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, normalize } from 'node:path';
import { SnapcommitError } from '../../errors.js';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** HOOK_UNSAFE, naming the file or directory that is at fault and what to do. */
export async function assertHookSafe(file: string): Promise<void> {
  if (!isAbsolute(file) || normalize(file) !== file)
    throw unsafe(file, `"${file}" is not an absolute path without ".."`);
  await assertFile(file);
  // Both ways to it: as it is written, and with the symlinks among its directories followed.
  await assertDirectories(file, dirname(file));
  await assertDirectories(file, dirname(await realpath(file)));
}

async function assertFile(file: string): Promise<void> {
  const stats = await statOr(file, lstat);
  if (stats.isSymbolicLink()) throw unsafe(file, `${file} is a symlink; name the file itself`);
  if (!stats.isFile()) throw unsafe(file, `${file} is no regular file`);
  assertOwner(file, file, stats);
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) throw unsafe(file, `others may write ${file}; chmod go-w ${file}`);
  try {
    await access(file, constants.X_OK);
  } catch {
    throw unsafe(file, `${file} is not executable; chmod +x ${file}`);
  }
}

async function assertDirectories(file: string, from: string): Promise<void> {
  for (let directory = from; ; directory = dirname(directory)) {
    const stats = await statOr(directory, stat);
    assertOwner(file, directory, stats);
    const writable = (stats.mode & WRITABLE_BY_OTHERS) !== 0 && (stats.mode & STICKY) === 0;
    if (writable)
      throw unsafe(file, `${directory} may be written by others, who could replace ${file}; chmod go-w ${directory}`);
    if (directory === '/') return;
  }
}

function assertOwner(file: string, path: string, { uid }: Stats): void {
  const ours = process.geteuid?.() ?? 0;
  if (uid === 0 || uid === ours) return;
  throw unsafe(file, `${path} belongs to user ${String(uid)}, who could change ${file}; chown it to root`);
}

async function statOr(path: string, how: (path: string) => Promise<Stats>): Promise<Stats> {
  try {
    return await how(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    throw unsafe(path, `${path} cannot be examined (${reason}); give the path of an executable file`);
  }
}

function unsafe(hook: string, message: string): SnapcommitError {
  return new SnapcommitError('HOOK_UNSAFE', `hook refused: ${message}`, { hook });
}

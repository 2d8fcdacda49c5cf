/**
 * Renames that Node does not offer: one that never replaces, and one that exchanges (renameat2). Neither is durable
 * until the parent directories are synced.
 */
import { systemCallAsync, type ForeignFunction } from './call.js';
import { loadLibc } from './library.js';

const AT_FDCWD = -100;
const RENAME_NOREPLACE = 1;
const RENAME_EXCHANGE = 2;

let renameat2: ForeignFunction | undefined;

function load(): ForeignFunction {
  renameat2 ??= loadLibc().func(
    'int renameat2(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, uint flags)',
  );
  return renameat2;
}

/** One name, looked up from a directory's descriptor (a relative path) or by an absolute path. */
export interface RenamePath {
  readonly path: string;
  readonly directoryFd?: number;
}

function split(name: string | RenamePath): readonly [directoryFd: number, path: string] {
  return typeof name === 'string' ? [AT_FDCWD, name] : [name.directoryFd ?? AT_FDCWD, name.path];
}

async function rename(from: string | RenamePath, to: string | RenamePath, flags: number): Promise<void> {
  const [fromFd, fromPath] = split(from);
  const [toFd, toPath] = split(to);
  await systemCallAsync(load(), 'renameat2', `${fromPath} -> ${toPath}`, fromFd, fromPath, toFd, toPath, flags);
}

/** Renames without replacing anything. Rejects with a SystemCallError: EEXIST (also over an empty directory), ENOENT, … */
export function renameNoReplace(from: string | RenamePath, to: string | RenamePath): Promise<void> {
  return rename(from, to, RENAME_NOREPLACE);
}

/** Exchanges two names of one filesystem in one step. Rejects with a SystemCallError: ENOENT, EXDEV, EBUSY, EROFS, … */
export function renameExchange(one: string | RenamePath, other: string | RenamePath): Promise<void> {
  return rename(one, other, RENAME_EXCHANGE);
}

/**
 * Directories that nobody but root and us can have put where they are found. Whoever may write to a directory above one can
 * put another directory or a symlink in its place at any moment: so it is judged when it is open, and used from there.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, open as openWithCallback, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { SnapcommitError } from '../errors.js';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const OTHERS_MAY_WRITE = 0o022;
/** As many as the kernel follows. */
const LINKS_MAX = 40;

const openDescriptor = promisify(openWithCallback);

/**
 * Opens the directory; the caller closes it. Rejects with ELOOP where a symlink leads there that others could have made, and
 * with SOURCE_INVALID where it belongs to somebody else, who could replace every name in it.
 */
export async function openOwned(path: string): Promise<number> {
  return judged(path, await openDescriptor(path, DIRECTORY));
}

/**
 * Runs `act` with the directory open: `here` is its path meanwhile, wherever its name leads. Neither is valid afterwards, nor
 * in another process. Rejects as openOwned does.
 */
export async function withOwned<T>(path: string, act: (here: string, fd: number) => T | Promise<T>): Promise<T> {
  return using(path, await openOwned(path), act);
}

/** The same, opened without a turn of a worker thread. */
export async function withOwnedNow<T>(path: string, act: (here: string, fd: number) => T | Promise<T>): Promise<T> {
  return using(path, judged(path, openSync(path, DIRECTORY)), act);
}

/** The path of what is open, in this process. */
export function pathOfOpen(fd: number): string {
  return `/proc/self/fd/${String(fd)}`;
}

async function using<T>(path: string, fd: number, act: (here: string, fd: number) => T | Promise<T>): Promise<T> {
  const here = pathOfOpen(fd);
  try {
    return await act(here, fd);
  } catch (error) {
    // as people know it
    if (error instanceof Error) error.message = error.message.replaceAll(`${here}/`, `${path}/`);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** Closes it where it is not to be used. A path that led through a symlink is opened once more, by a trusted way. */
function judged(path: string, fd: number): number {
  try {
    if (readlinkSync(pathOfOpen(fd)) === path) {
      refuseForeign(path, fd);
      return fd;
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  const trusted = trustedPath(path);
  if (trusted === path)
    throw Object.assign(new Error(`${path} leads through a symbolic link that others could have made`), {
      code: 'ELOOP',
    });
  return judged(trusted, openSync(trusted, DIRECTORY));
}

function refuseForeign(path: string, fd: number): void {
  const { uid } = fstatSync(fd);
  if (isOwn(uid)) return;
  throw new SnapcommitError(
    'SOURCE_INVALID',
    `${path} belongs to user ${String(uid)}, who could replace what is in it; change its owner (chown), or run snapcommit as that user`,
    { path, owner: uid },
  );
}

/**
 * The path with those symlinks followed that only root or we can have made: as far as every directory on the way is root's or
 * ours and nobody else may write to it. What follows the first other directory stays as it is, to be opened without following any.
 */
export function trustedPath(path: string): string {
  let at = '/';
  let rest = partsOf(path);
  for (let links = 0; isTrusted(at);) {
    const [name, ...others] = rest;
    if (name === undefined) return at;
    rest = others;
    const next = name === '..' ? dirname(at) : join(at, name);
    const target = lstatSync(next).isSymbolicLink() ? readlinkSync(next) : null;
    if (target === null) {
      at = next;
      continue;
    }
    if ((links += 1) > LINKS_MAX) throw Object.assign(new Error(`${path} has too many links`), { code: 'ELOOP' });
    if (target.startsWith('/')) at = '/';
    rest = [...partsOf(target), ...rest];
  }
  return join(at, ...rest);
}

function isTrusted(directory: string): boolean {
  const { uid, mode } = lstatSync(directory);
  return isOwn(uid) && (mode & OTHERS_MAY_WRITE) === 0;
}

function isOwn(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

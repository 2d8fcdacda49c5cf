/**
 * Looking names up from an open directory, as openat and its kin do: Node has no such calls, /proc/self/fd gives the
 * same. A tree that is walked like this cannot be left through a symlink that somebody puts in a directory's place
 * meanwhile, and its depth is not bounded by the longest path that the kernel takes.
 */
import { closeSync, constants, openSync, readlinkSync } from 'node:fs';
import { open, readdir, readlink, type FileHandle } from 'node:fs/promises';
import { trustedPath } from './owned-directory.js';
import { sortNames, type Name } from './path-bytes.js';

const O_PATH = 0o10000000;
const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/** Opens a directory; rejects with ELOOP or ENOTDIR where the last component is something else. The caller closes it. */
export function openDirectory(path: string | Buffer): Promise<FileHandle> {
  return open(path, DIRECTORY);
}

/** The same for a path that leads through no symlink at all; rejects with ELOOP where it does, also where it does since just now. */
export async function openPlain(path: string): Promise<FileHandle> {
  const directory = await openDirectory(path);
  try {
    if ((await readlink(handlePath(directory))) === path) return directory;
    throw Object.assign(new Error(`${path} leads through a symbolic link`), { code: 'ELOOP' });
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** The same, but through the symlinks that only root or we can have made: where one of them was put in the way since. */
export async function openTrusted(path: string): Promise<FileHandle> {
  return openPlain(path).catch(async (error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ELOOP') return openPlain(trustedPath(path));
    throw error;
  });
}

/**
 * The same for calls that only need the place: nothing is read through this descriptor, and no right to read is needed.
 * `shown` is the path that the kernel must name it by. The caller closes it.
 */
export function openPlainPlace(path: string, shown = path): number {
  const descriptor = openSync(path, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    const found = readlinkSync(placePath(descriptor));
    if (found === shown) return descriptor;
    throw Object.assign(new Error(`${shown} leads through a symbolic link to ${found}`), { code: 'ELOOP' });
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** A path that stands for what is open, and for nothing that is mounted over it later. */
export function placePath(descriptor: number): string {
  return `/proc/self/fd/${String(descriptor)}`;
}

/**
 * Sets the mode of a directory that is ours or root's, and of nothing that came in its place meanwhile. False, and nothing
 * is changed, where it is somebody else's, or no directory.
 */
export async function setModeOfOwn(path: string, mode: number): Promise<boolean> {
  const directory = await openDirectory(path).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && ['ELOOP', 'ENOTDIR'].includes(String(error.code))) return null;
    throw error;
  });
  if (directory === null) return false;
  try {
    const { uid } = await directory.stat();
    if (uid !== 0 && uid !== process.geteuid?.()) return false;
    await directory.chmod(mode);
    return true;
  } finally {
    await directory.close();
  }
}

/** The path of `name` in an open directory; valid while that is open. */
export function childPath(directory: FileHandle, name: Buffer | string): Buffer {
  return Buffer.concat([Buffer.from(`${handlePath(directory)}/`), Buffer.from(name)]);
}

/** A path that stands for what is open, even where its name is gone. */
export function handlePath(handle: FileHandle): string {
  return placePath(handle.fd);
}

/** The names in an open directory, in the order of every walk. */
export async function readNames(directory: FileHandle): Promise<readonly Name[]> {
  return sortNames(await readdir(handlePath(directory), { encoding: 'buffer' }));
}

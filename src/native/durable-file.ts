/**
 * Small files that must survive a power loss: written under a temporary name, synced, renamed over, and the directory
 * synced (D7). Mode 0600 unless told otherwise. No koffi.
 */
import { open, readFile, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncDirectory } from './sync.js';

let written = 0;

/** The temporary names of a process; what a dead process left under such a name is nobody's. */
export const TEMPORARY_NAME = /\.tmp-(\d+)-\d+$/;

/** Writes the whole file. When this resolves the file is durable under its name; a crash leaves the old one or the new one. */
export async function writeDurably(path: string, data: string | Uint8Array, mode = 0o600): Promise<void> {
  const { temporary, file } = await openTemporary(path);
  try {
    await writeAndSync(file, data, mode);
    await rename(temporary, path);
  } catch (error) {
    await unlinkIfPresent(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** A name that stands already was left by a dead process that had our pid, as the first of every container has. */
async function openTemporary(path: string): Promise<{ readonly temporary: string; readonly file: FileHandle }> {
  for (;;) {
    written += 1;
    const temporary = `${path}.tmp-${String(process.pid)}-${String(written)}`;
    try {
      return { temporary, file: await open(temporary, 'wx', 0o600) };
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
  }
}

async function writeAndSync(file: FileHandle, data: string | Uint8Array, mode: number): Promise<void> {
  try {
    await file.writeFile(data);
    // Not the mode that it is opened with: a umask takes from that.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** The content as text, or null where there is no such file. */
export async function readIfPresent(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return null;
    throw error;
  }
}

/** Removes the file; durable when it resolves. A file that is gone is no error. */
export async function removeDurably(path: string): Promise<void> {
  if (await unlinkIfPresent(path)) await syncDirectory(dirname(path));
}

async function unlinkIfPresent(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function isErrno(error: unknown, errno: string): boolean {
  return error instanceof Error && 'code' in error && error.code === errno;
}

/** Making things durable: a directory's names (fsync), and a whole filesystem (syncfs). */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemCallAsync, type ForeignFunction } from './call.js';
import { loadLibc } from './library.js';

let syncfs: ForeignFunction | undefined;

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;

/** Makes every name in the directory durable: what was created, renamed, exchanged or deleted there. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Writes out everything dirty in the filesystem that holds the directory `path`, on a worker thread. */
export async function syncFilesystem(path: string): Promise<void> {
  const directory = await open(path, DIRECTORY);
  try {
    await syncFilesystemOf(directory.fd, path);
  } finally {
    await directory.close();
  }
}

/** The same for what is open. */
export async function syncFilesystemOf(fd: number, subject: string): Promise<void> {
  const call = (syncfs ??= loadLibc().func('int syncfs(int fd)'));
  await systemCallAsync(call, 'syncfs', subject, fd);
}

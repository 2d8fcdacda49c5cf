/** A node's small files on the real file system. No koffi. */
import { mkdirSync, readdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import {
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  unlink,
  type FileHandle,
} from 'node:fs/promises';
import { join } from 'node:path';
import { removeDurably, writeDurably } from '../native/durable-file.js';
import { withOwned, withOwnedNow } from '../native/owned-directory.js';
import { syncDirectory } from '../native/sync.js';
import type { NodeFiles } from '../ports/node-files.js';

export const nodeFiles: NodeFiles = {
  readLink: async (path) => readlink(path).catch(orNull),
  readText: async (path) => readFile(path, 'utf8').catch(orNull),
  listNames: async (directory) => (await readdir(directory).catch(orNull)) ?? [],
  replaceLink,
  replaceFile,
  makeDirectory,
  removeFile: async (path) => {
    await unlink(path).catch(orNull);
  },
  removeTree: async (path) => rm(path, { recursive: true, force: true }),
  withOwned,
  writeDurably,
  removeDurably,
  syncDirectory,
};

/**
 * The same, with links, names and directories changed without a turn of a worker thread, which takes many times as long as
 * the call itself: for a process that has nothing else to do meanwhile. A daemon has. What syncs stays with the workers,
 * side by side over the volumes.
 */
export const directFiles: NodeFiles = {
  ...nodeFiles,
  readLink: async (path) => readlinkOrNull(path),
  listNames: async (directory) => namesNow(directory),
  replaceLink: async (directory, name, target) => {
    replaceLinkNow(directory, name, target);
  },
  makeDirectory: async (path) => unlessErrno('EEXIST', () => mkdirSync(path, { mode: 0o755 })),
  removeFile: async (path) => {
    unlessErrno('ENOENT', () => {
      unlinkSync(path);
    });
  },
  withOwned: withOwnedNow,
};

/** What a link is made as, before it is renamed to its name. */
function temporaryLink(directory: string, name: string): string {
  return join(directory, `${name.startsWith('.') ? '' : '.'}${name}.new`);
}

async function replaceLink(directory: string, name: string, target: string): Promise<void> {
  const temporary = temporaryLink(directory, name);
  await unlink(temporary).catch(orNull);
  await symlink(target, temporary);
  await rename(temporary, join(directory, name));
}

async function replaceFile(path: string, text: string): Promise<void> {
  const file = await openNew(`${path}.new`);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}

/** What has the name already is of somebody who died, or a link that would be followed. */
async function openNew(path: string): Promise<FileHandle> {
  return open(path, 'wx', 0o644).catch(async (error: unknown) => {
    if (errnoOf(error) !== 'EEXIST') throw error;
    await unlink(path).catch(orNull);
    return open(path, 'wx', 0o644);
  });
}

async function makeDirectory(path: string): Promise<boolean> {
  return mkdir(path, { mode: 0o755 }).then(
    () => true,
    (error: unknown) => {
      if (errnoOf(error) === 'EEXIST') return false;
      throw error;
    },
  );
}

function readlinkOrNull(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function namesNow(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    orNull(error);
    return [];
  }
}

function replaceLinkNow(directory: string, name: string, target: string): void {
  const temporary = temporaryLink(directory, name);
  const made = unlessErrno('EEXIST', () => {
    symlinkSync(target, temporary);
  });
  if (!made) {
    // Of somebody who died between the two: whose it was, and what it says, nobody knows.
    unlinkSync(temporary);
    symlinkSync(target, temporary);
  }
  renameSync(temporary, join(directory, name));
}

/** False where `act` failed with that errno. */
function unlessErrno(errno: string, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (errnoOf(error) === errno) return false;
    throw error;
  }
}

function orNull(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}

function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

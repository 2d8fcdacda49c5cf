/** A node's small files on the real file system. No koffi. */
import { mkdir, open, readdir, readFile, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { removeDurably, writeDurably } from '../native/durable-file.js';
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
  writeDurably,
  removeDurably,
  syncDirectory,
};

/** What a link is made as, before it is renamed to its name. */
export function temporaryLink(directory: string, name: string): string {
  return join(directory, `${name.startsWith('.') ? '' : '.'}${name}.new`);
}

async function replaceLink(directory: string, name: string, target: string): Promise<void> {
  const temporary = temporaryLink(directory, name);
  await unlink(temporary).catch(orNull);
  await symlink(target, temporary);
  await rename(temporary, join(directory, name));
}

async function replaceFile(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o644);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
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

function orNull(error: unknown): null {
  if (errnoOf(error) === 'ENOENT') return null;
  throw error;
}

export function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

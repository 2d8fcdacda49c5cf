/**
 * The same files, with links, names and directories changed without a turn of a worker thread, which takes many times as
 * long as the call itself: for a process that has nothing else to do meanwhile. A daemon has; so has whoever syncs, which
 * is why contents and syncs stay with the workers, side by side over the volumes. No koffi.
 */
import { mkdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeFiles } from '../ports/node-files.js';
import { errnoOf, nodeFiles, temporaryLink } from './node-files.js';

export const directFiles: NodeFiles = {
  ...nodeFiles,
  readLink: async (path) => readlinkOrNull(path),
  replaceLink: async (directory, name, target) => {
    replaceLink(directory, name, target);
  },
  makeDirectory: async (path) => unlessErrno('EEXIST', () => mkdirSync(path, { mode: 0o755 })),
  removeFile: async (path) => {
    unlessErrno('ENOENT', () => {
      unlinkSync(path);
    });
  },
};

function readlinkOrNull(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function replaceLink(directory: string, name: string, target: string): void {
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

/** Checking what a command is to see, before anything is started. Changes nothing. */
import { closeSync, constants, lstatSync, openSync, realpathSync } from 'node:fs';
import { isAbsolute, normalize } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import type { Placement } from '../../ports/sandbox.js';
import type { LaunchPlacement } from './specification.js';

const O_PATH = 0o10000000;

/** The placements, parents before children. Throws SOURCE_INVALID, naming the path, for one that cannot be done. */
export function checkPlacements(placements: readonly Placement[]): readonly LaunchPlacement[] {
  const seen = new Set<string>();
  for (const { from, at } of placements) {
    checkLivePath(at);
    checkSource(from);
    if (seen.has(at)) throw new SnapcommitError('SOURCE_INVALID', `two trees are to stand at ${at}`, { path: at });
    seen.add(at);
  }
  return placements
    .map(({ from, at, readOnly }) => ({ from: realpathSync(from), at, readOnly: readOnly ?? false }))
    .sort((one, other) => depth(one.at) - depth(other.at));
}

function depth(path: string): number {
  return path.split('/').length;
}

function checkLivePath(path: string): void {
  const details = { path };
  if (!isAbsolute(path) || path === '/' || normalize(path) !== path || path.endsWith('/')) {
    throw new SnapcommitError('SOURCE_INVALID', `${path} is no plain absolute path; give one without . or ..`, details);
  }
  let real: string;
  try {
    real = realpathSync(path);
  } catch (cause) {
    throw new SnapcommitError('SOURCE_INVALID', `${path} does not exist or cannot be reached`, details, cause);
  }
  if (real !== path) {
    throw new SnapcommitError(
      'SOURCE_INVALID',
      `${path} leads through a symlink to ${real}; use that path instead`,
      details,
    );
  }
  if (!lstatSync(path).isDirectory()) throw new SnapcommitError('SOURCE_INVALID', `${path} is no directory`, details);
}

/**
 * Opened, and not only looked at: a snapshot of ZFS is mounted by the kernel when it is first opened, and only in our
 * namespace, from which the command's is copied.
 */
function checkSource(path: string): void {
  closeSync(openSource(path));
}

function openSource(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_DIRECTORY);
  } catch (cause) {
    const message = `${path}, which a command is to see, is no directory that exists`;
    throw new SnapcommitError('SOURCE_INVALID', message, { path }, cause);
  }
}

/**
 * Keeps the sources as they stand outside until the answer is called. After some minutes without anybody in it the kernel
 * takes the mount of a ZFS snapshot away; while the command's own mount of that snapshot lives on, it does not make
 * another one, and nobody else could read the snapshot (ELOOP).
 */
export function holdSources(placements: readonly LaunchPlacement[]): () => void {
  const held: number[] = [];
  const release = (): void => {
    for (const descriptor of held.splice(0)) closeSync(descriptor);
  };
  try {
    for (const { from } of placements) held.push(openSource(from));
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

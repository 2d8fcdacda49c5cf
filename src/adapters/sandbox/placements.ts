/** Checking what a command is to see, before anything is started. Changes nothing. */
import { closeSync, fstatSync, lstatSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, normalize, resolve } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { openPlainPlace, placePath } from '../../native/at.js';
import { trustedPath } from '../../native/owned-directory.js';
import type { Placement } from '../../ports/sandbox.js';
import type { LaunchPlacement } from './specification.js';

interface HeldPlacements {
  /** Parents before children. */
  readonly placements: readonly LaunchPlacement[];
  readonly letGo: () => void;
}

/**
 * The placements, with their sources held as they stand outside until `letGo`: what is held is neither unmounted nor lost on the
 * way from its name to the command. After some minutes without anybody in it the kernel takes the mount of a ZFS snapshot
 * away; while the command's own mount of that snapshot lives on, it does not make another one, and nobody else could read
 * the snapshot (ELOOP). Throws SOURCE_INVALID, naming the path, for a placement that cannot be done.
 */
export function holdPlacements(placements: readonly Placement[]): HeldPlacements {
  const held: number[] = [];
  const letGo = (): void => {
    for (const descriptor of held.splice(0)) closeSync(descriptor);
  };
  try {
    const seen = new Set<string>();
    const found = placements.map(({ from, at, readOnly }): LaunchPlacement => {
      checkLivePath(at);
      const descriptor = openSource(from);
      held.push(descriptor);
      if (seen.has(at)) throw new SnapcommitError('SOURCE_INVALID', `two trees are to stand at ${at}`, { path: at });
      seen.add(at);
      // of what is held, and not of what the name leads to by now
      const real = readlinkSync(placePath(descriptor));
      checkShown(descriptor, real);
      return { from: real, at, readOnly: readOnly ?? false };
    });
    return { placements: found.sort((one, other) => depth(one.at) - depth(other.at)), letGo };
  } catch (error) {
    letGo();
    throw error;
  }
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
 * namespace, from which the command's is copied. The name itself may be a link, in a directory of ours or root's, as
 * ZFS's generations have it; of other symlinks on the way only those are followed that nobody but root and we can have made.
 */
function openSource(path: string): number {
  try {
    const directory = trustedPath(dirname(path));
    const around = openPlainPlace(directory);
    try {
      return openIn(around, join(directory, basename(path)));
    } finally {
      closeSync(around);
    }
  } catch (cause) {
    if (cause instanceof SnapcommitError) throw cause;
    const isLed = cause instanceof Error && 'code' in cause && cause.code === 'ELOOP';
    const what = isLed ? `cannot be reached safely: ${cause.message}` : 'is no directory that exists';
    const message = `${path}, which a command is to see, ${what}`;
    throw new SnapcommitError('SOURCE_INVALID', message, { path }, cause);
  }
}

function openIn(around: number, path: string): number {
  const name = `${placePath(around)}/${basename(path)}`;
  for (;;) {
    const link = linkAt(name);
    if (link === null) return openPlainPlace(name, path);
    assertOurs(around, path);
    try {
      const from = isAbsolute(link) ? link : `${placePath(around)}/${link}`;
      return openPlainPlace(from, resolve(dirname(path), link));
    } catch (failure) {
      // it was turned to another tree meanwhile
      if (linkAt(name) === link) throw failure;
    }
  }
}

/** Where a link leads; null for what is none. */
function linkAt(name: string): string | null {
  return lstatSync(name).isSymbolicLink() ? readlinkSync(name) : null;
}

function assertOurs(around: number, path: string): void {
  const { uid } = fstatSync(around);
  if (uid === 0 || uid === process.geteuid?.()) return;
  const message = `${path} is a link of user id ${String(uid)}, who may lead it anywhere; change the owner of ${dirname(path)}, or run snapcommit as that user`;
  throw new SnapcommitError('SOURCE_INVALID', message, { path });
}

const SNAPSHOTS = '/.zfs/snapshot';

/**
 * Where the kernel cannot mount a snapshot of ZFS it shows an empty directory of its own (openzfs/zfs#9461), on the device of
 * what lies above. A command must not take that for a tree without files.
 */
function checkShown(descriptor: number, path: string): void {
  const above = dirname(path);
  if (!above.endsWith(SNAPSHOTS) || fstatSync(descriptor).dev !== statSync(above).dev) return;
  const message = `the kernel shows ${path} empty, since it could not mount that ZFS snapshot: see \`grep automount /proc/spl/kstat/zfs/dbgmsg\`, and what SELinux has denied`;
  throw new SnapcommitError('UNAVAILABLE', message, { path });
}

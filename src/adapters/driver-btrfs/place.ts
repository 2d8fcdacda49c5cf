/**
 * Where a volume's things stand, and opening them: names are single components, nothing follows a symlink in its last
 * component, and every failed call becomes a SnapcommitError that names the volume and the path.
 */
import { closeSync, constants, open as openWithCallback } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import { filesystemUuid } from '../../native/btrfs-space.js';
import { isSubvolume, subvolumeInfo } from '../../native/btrfs.js';
import { withOwned } from '../../native/owned-directory.js';
import { entryName } from '../../participant/names.js';
import type { VolumePlace } from '../../ports/volume-driver.js';

/** The directory that the publish directories stand in; a subvolume, so that it stays out of snapshots of its parent. */
export const HIDDEN_DIRECTORY = '.snapcommit';

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;
const openDescriptor = promisify(openWithCallback);

const NO_UUID = /^[0-]+$/;

export function entryPath(volume: VolumePlace, name: string): string {
  return join(volume.publishDirectory, entryName(volume, name));
}

/** The errno's name that Node or our own calls left on an error; an empty string where there is none. */
export function errnoOf(failure: unknown): string {
  if (failure instanceof Error && 'code' in failure && typeof failure.code === 'string') return failure.code;
  return '';
}

/** What failed calls mean here; anything else is the caller's `otherwise`. */
const MEANINGS: Readonly<Record<string, readonly [code: ErrorCode, advice: string]>> = {
  ENOENT: ['VOLUME_UNAVAILABLE', 'is it mounted, and was it moved or deleted?'],
  ENOTDIR: ['VOLUME_UNAVAILABLE', 'is it mounted, and was it replaced?'],
  ELOOP: ['VOLUME_UNAVAILABLE', 'it was replaced by a symlink'],
  ENODEV: ['VOLUME_UNAVAILABLE', 'the device is gone'],
  ENXIO: ['VOLUME_UNAVAILABLE', 'the device is gone'],
  ESTALE: ['VOLUME_UNAVAILABLE', 'it was deleted'],
  EIO: ['VOLUME_UNAVAILABLE', 'the device failed; see the kernel log'],
  EROFS: ['VOLUME_UNAVAILABLE', 'the filesystem is read-only; see the kernel log'],
  ENOSPC: ['NO_SPACE', 'free some space'],
  EDQUOT: ['NO_SPACE', 'the quota is used up'],
  EACCES: ['DENIED', 'run as root'],
  EPERM: ['DENIED', 'run as root'],
};

/** Turns a failed call into an error that says what was being done, to what. SnapcommitErrors pass. */
export function driverError(
  volume: VolumePlace,
  doing: string,
  path: string,
  failure: unknown,
  otherwise: ErrorCode,
): SnapcommitError {
  if (failure instanceof SnapcommitError) return ofVolume(volume, failure);
  const errno = errnoOf(failure);
  const [code, advice] = MEANINGS[errno] ?? [otherwise, 'see the kernel log'];
  const reason = failure instanceof Error ? failure.message : String(failure);
  const message = `volume ${volume.name}: could not ${doing} ${path} (${reason}); ${advice}`;
  return new SnapcommitError(code, message, { volume: volume.name, path, errno }, failure);
}

function ofVolume({ name }: VolumePlace, failure: SnapcommitError): SnapcommitError {
  if (failure.code !== 'SOURCE_INVALID' || failure.details['volume'] !== undefined) return failure;
  const message = `volume ${name}: ${failure.message}`;
  return new SnapcommitError(failure.code, message, { ...failure.details, volume: name }, failure);
}

/** Runs `action` and translates what it throws. */
export async function translated<T>(
  volume: VolumePlace,
  doing: string,
  path: string,
  otherwise: ErrorCode,
  action: () => Promise<T>,
): Promise<T> {
  try {
    return await action();
  } catch (failure) {
    throw driverError(volume, doing, path, failure, otherwise);
  }
}

/** Opens a directory, not through a symlink; the caller closes it. Throws Node's own errors. */
export function openDirectory(path: string): Promise<number> {
  return openDescriptor(path, DIRECTORY);
}

/**
 * Opens a directory for the time of `action`. Closed at once: a directory that was only read has nothing to write, while
 * a turn of a worker thread for it would keep, after a flush, a commit waiting. Throws Node's own errors.
 */
export async function withDirectory<T>(path: string, action: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = await openDirectory(path);
  try {
    return await action(fd);
  } finally {
    closeSync(fd);
  }
}

/** The publish directory, open: nobody can lead what goes through it elsewhere. Valid until the action that has it ends. */
export interface OpenPlace {
  readonly fd: number;
  readonly here: string;
  /** The path of an entry, for calls; entryPath's is for people. */
  readonly path: (name: string) => string;
}

/** Opens the publish directory for the time of `action`. Throws Node's own errors, and SOURCE_INVALID where it is somebody else's. */
export async function withPublishDirectory<T>(
  volume: VolumePlace,
  action: (open: OpenPlace) => T | Promise<T>,
): Promise<T> {
  return withOwned(volume.publishDirectory, (here, fd) =>
    action({ fd, here, path: (name) => join(here, entryName(volume, name)) }),
  );
}

/** Opens the live tree; VOLUME_UNAVAILABLE when it is gone or is no subvolume any more. */
export function withLive<T>(volume: VolumePlace, doing: string, action: (fd: number) => T | Promise<T>): Promise<T> {
  return translated(volume, doing, volume.source, 'UNAVAILABLE', () =>
    withDirectory(volume.source, (fd) => {
      assertLive(volume, fd);
      return action(fd);
    }),
  );
}

/** @throws VOLUME_UNAVAILABLE when what is open is no subvolume. */
export function assertLive(volume: VolumePlace, fd: number): void {
  if (isSubvolume(fd)) return;
  throw new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `volume ${volume.name}: ${volume.source} is not the root of a btrfs subvolume now; is its filesystem mounted?`,
    { volume: volume.name, path: volume.source },
  );
}

/** The identity of the open subvolume: its UUID. The root of an old filesystem has none and goes by the filesystem's. */
export function identity(fd: number, subject: string): string {
  const { uuid } = subvolumeInfo(fd, subject);
  return NO_UUID.test(uuid) ? filesystemUuid(fd, subject) : uuid;
}

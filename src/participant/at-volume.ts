/** What fails in a volume's own step is told as that volume's: a bare errno says neither whose it is nor what to do. */
import { SnapcommitError, type ErrorCode } from '../errors.js';
import type { VolumeRecord } from '../machine/entry.js';

/** What failed calls mean; any other is the volume's, too (VOLUME_UNAVAILABLE). */
const MEANINGS: Readonly<Record<string, readonly [code: ErrorCode, what: string, advice: string]>> = {
  EROFS: ['VOLUME_UNAVAILABLE', 'its filesystem is read-only', 'See the kernel log, and mount it writable again.'],
  EIO: ['VOLUME_UNAVAILABLE', 'its device failed', 'See the kernel log.'],
  ENODEV: ['VOLUME_UNAVAILABLE', 'its device is gone', 'See the kernel log.'],
  ENXIO: ['VOLUME_UNAVAILABLE', 'its device is gone', 'See the kernel log.'],
  ESTALE: ['VOLUME_UNAVAILABLE', 'its directory was deleted', 'Is it mounted?'],
  ELOOP: ['VOLUME_UNAVAILABLE', 'its directory was replaced', 'Put the directory itself back there.'],
  ENOTDIR: ['VOLUME_UNAVAILABLE', 'its directory was replaced', 'Put the directory itself back there.'],
  ENOENT: ['VOLUME_UNAVAILABLE', 'its directory is gone', 'Is it mounted, and was it moved or deleted?'],
  ENOSPC: ['NO_SPACE', 'its filesystem is full', 'Free some space.'],
  EDQUOT: ['NO_SPACE', 'its quota is used up', 'Free some space.'],
  EACCES: ['DENIED', 'this process may not write there', 'Run as root.'],
  EPERM: ['DENIED', 'this process may not write there', 'Run as root.'],
};

/** Runs one step of `place`'s, and names it in what that throws. A bug of ours stays one. */
export async function atVolume<T>(place: VolumeRecord, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw failureAt(place, error);
  }
}

function failureAt({ name }: VolumeRecord, error: unknown): unknown {
  if (error instanceof SnapcommitError) {
    if (error.details['volume'] !== undefined) return error;
    return new SnapcommitError(
      error.code,
      `volume ${name}: ${error.message}`,
      { ...error.details, volume: name },
      error,
    );
  }
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error;
  const errno = error.code;
  // Node's own codes, such as ERR_INVALID_ARG_TYPE, are bugs.
  if (!/^E[A-Z0-9]+$|^errno \d/.test(errno)) return error;
  const [code, what, advice] = MEANINGS[errno] ?? ['VOLUME_UNAVAILABLE', 'a call failed', 'See the kernel log.'];
  return new SnapcommitError(
    code,
    `volume ${name}: ${what} (${error.message}). ${advice}`,
    { volume: name, errno },
    error,
  );
}

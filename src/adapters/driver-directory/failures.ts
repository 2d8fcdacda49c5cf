/** What the directory driver answers when the operating system refuses: one place that turns errno into our codes. */
import { SnapcommitError, type ErrorCode } from '../../errors.js';

/** The errno's name, such as `ENOENT`, or the empty string. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A failure somewhere inside a tree that is walked: whoever reports it names the path, not the tree. */
export class TreeAccessError extends Error {
  readonly path: string;
  readonly code: string;

  constructor(path: string, cause: unknown) {
    super(`${path}: ${reasonOf(cause)}`, { cause });
    this.name = 'TreeAccessError';
    this.path = path;
    this.code = errnoOf(cause);
  }
}

export function isMissing(error: unknown): boolean {
  return errnoOf(error) === 'ENOENT';
}

/** A failure of copying one path, as the error that the caller of stage, clone or seal gets. */
export function copyFailure(volume: string, tree: string, error: unknown): SnapcommitError {
  if (error instanceof SnapcommitError) return error;
  const path = error instanceof TreeAccessError ? error.path : tree;
  const errno = errnoOf(error);
  const details = { volume, path, errno };
  if (errno === 'ENOSPC' || errno === 'EDQUOT') {
    return new SnapcommitError(
      'NO_SPACE',
      `no space is left to copy ${path} of volume ${volume}; free some and retry`,
      details,
      error,
    );
  }
  return new SnapcommitError(
    'STAGE_FAILED',
    `${path} of volume ${volume} could not be copied (${reasonOf(error)}), so nothing was kept; ${advice(errno)}`,
    details,
    error,
  );
}

function advice(errno: string): string {
  if (errno === 'EACCES' || errno === 'EPERM') return 'make it readable for this user, or run as root';
  if (errno === 'EMFILE' || errno === 'ENFILE') return 'raise the limit of open files (ulimit -n)';
  return 'see to that path and retry';
}

export function reasonOf(error: unknown): string {
  const errno = errnoOf(error);
  if (errno !== '') return errno;
  return error instanceof Error ? error.message : String(error);
}

/** A failure of anything else that touches the volume's own directories. */
export function volumeFailure(volume: string, place: string, error: unknown, otherwise: ErrorCode): SnapcommitError {
  if (error instanceof SnapcommitError) return error;
  const path = error instanceof TreeAccessError ? error.path : place;
  const errno = errnoOf(error);
  const details = { volume, path, errno };
  switch (errno) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ESTALE':
      return new SnapcommitError(
        'VOLUME_UNAVAILABLE',
        `volume ${volume}: ${path} is not there; mount or restore it, then retry`,
        details,
        error,
      );
    case 'EROFS':
      return new SnapcommitError(
        'VOLUME_UNAVAILABLE',
        `volume ${volume}: ${path} lies on a filesystem that is mounted read-only`,
        details,
        error,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new SnapcommitError(
        'NO_SPACE',
        `volume ${volume}: no space is left at ${path}; free some and retry`,
        details,
        error,
      );
    case 'EACCES':
    case 'EPERM':
      return new SnapcommitError(
        'DENIED',
        `volume ${volume}: ${path} may not be used by this user (${errno})`,
        details,
        error,
      );
    default:
      return new SnapcommitError(otherwise, `volume ${volume}: ${path}: ${reasonOf(error)}`, details, error);
  }
}

/** What SQLite's failures mean here: the one table from its codes to ours. */
import { SnapcommitError } from '../../errors.js';
import { cannotLoad, isNotLoaded } from './cannot-load.js';
import { Sqlite } from './sqlite.js';

/** What the store was doing when it failed; only a failed commit can leave the outcome open. */
export type Phase = 'open' | 'begin' | 'work' | 'commit';

export function corrupt(file: string, what: string, slot: number | null, cause?: unknown): SnapcommitError {
  const where = slot === null ? file : `slot ${String(slot)} of ${file}`;
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the log is damaged: ${where}: ${what}. Nothing was changed. Check the disk, keep the file, and restore the state directory from a copy`,
    { file, slot, what },
    cause,
  );
}

export function latched(file: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'LOG_LATCHED',
    `an earlier read or sync of ${file} failed, so what is on the disk is not known and this process uses it no more. Check the disk, then run the command again`,
    { file },
    cause,
  );
}

/** An I/O failure: after one nothing that this process believes about the file can be trusted. */
export function isInputOutputFailure(error: unknown, phase: Phase): boolean {
  if (!(error instanceof Sqlite.SqliteError) || isFull(error, phase)) return false;
  return error.code.startsWith('SQLITE_IOERR') || (phase === 'commit' && error.code === 'SQLITE_NOMEM');
}

/**
 * The shared-memory file cannot grow on a full disk: SQLite calls that an I/O error, but no data was at stake. Except at a
 * commit: SQLite enters it there after the commit is in the WAL, where whoever recovers it finds it whole.
 */
export function isFull(error: unknown, phase: Phase): boolean {
  if (!(error instanceof Sqlite.SqliteError)) return false;
  return error.code === 'SQLITE_FULL' || (error.code === 'SQLITE_IOERR_SHMSIZE' && phase !== 'commit');
}

/** Turns what SQLite threw into ours; everything else passes through as it is. */
export function translate(error: unknown, file: string, phase: Phase): unknown {
  if (isNotLoaded(error)) return cannotLoad(error);
  if (!(error instanceof Sqlite.SqliteError)) return error;
  const { code } = error;
  if (isFull(error, phase)) return full(file, error);
  if (isInputOutputFailure(error, phase))
    return phase === 'commit' ? unknownOutcome(file, error) : latched(file, error);
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB') return corrupt(file, error.message, null, error);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) return busy(file, error);
  if (code.startsWith('SQLITE_READONLY')) return readOnly(file, error);
  if (code.startsWith('SQLITE_CANTOPEN')) return cannotOpen(file, error);
  return error;
}

export function readOnly(file: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'STORE_READ_ONLY',
    `the log ${file} cannot be written: its filesystem or directory is read-only. Make it writable, or name another state directory`,
    { file },
    cause,
  );
}

function full(file: string, cause: unknown): SnapcommitError {
  return new SnapcommitError(
    'STORE_FULL',
    `the filesystem of ${file} is full; nothing was written. Free some space and run the command again`,
    { file },
    cause,
  );
}

export function busy(file: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'BUSY',
    `another process is writing to ${file} and did not finish in time; nothing was written. Run the command again`,
    { file },
    cause,
  );
}

function unknownOutcome(file: string, cause: unknown): SnapcommitError {
  return new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `the write or sync of ${file} failed at its commit, so it is not known whether the entry is stored. Check the disk and its free space, then ask again with the same request id`,
    { file },
    cause,
  );
}

function cannotOpen(file: string, cause: unknown): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `the log ${file} cannot be opened. Check that the directory and the file exist and that this user may read and write them`,
    { file },
    cause,
  );
}

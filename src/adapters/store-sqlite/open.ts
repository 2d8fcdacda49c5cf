/** Opening a store that `init` made: what it must be before a single row is believed. */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { lockersOf } from '../../native/lock-table.js';
import { fileError } from './create.js';
import { corrupt, translate } from './errors.js';
import { APPLICATION_ID, FORMAT } from './format.js';
import { assertSpace, READ_FLOOR_BYTES } from './space.js';
import { type Database, Sqlite } from './sqlite.js';
import { SqliteStore, type FoundWal } from './store.js';

/** How long an operation waits for another process's one, ms. */
export const BUSY_TIMEOUT_MS = 10_000;

/**
 * @throws STATE_NOT_FOUND, LOG_FOREIGN (not a log of ours), LOG_FORMAT_NEWER, LOG_CORRUPT, STORE_READ_ONLY, STORE_FULL,
 * DENIED, BUSY.
 */
export function openStore(file: string, busyTimeoutMs: number = BUSY_TIMEOUT_MS): SqliteStore {
  return openDatabase(file, busyTimeoutMs, (database, wal) => new SqliteStore(file, database, { wal, busyTimeoutMs }));
}

/** What `make` makes of the database, which is closed again when that fails; `wal`: what it was found with. */
export function openDatabase<T>(
  file: string,
  busyTimeoutMs: number,
  make: (database: Database, wal: FoundWal) => T,
): T {
  assertThere(file);
  // SQLite takes an empty file for a new database.
  if (statSync(file).size === 0) throw corrupt(file, 'the file is empty', null);
  assertSpace(file, READ_FLOOR_BYTES);
  const wal = foundWal(file);
  let database: Database | undefined;
  try {
    database = new Sqlite(file, { fileMustExist: true, timeout: busyTimeoutMs });
    assertOurs(database, file);
    prepare(database, file);
    return make(database, wal);
  } catch (error) {
    database?.close();
    throw translate(error, file, 'open');
  }
}

/**
 * What of the WAL need not be on the disk. Left behind by somebody who died, it may be one whose sync failed, or never began:
 * what the page cache shows us of it may never be written, since the kernel takes pages that it failed to write for clean
 * (D6). Rebello et al., "Can Applications Recover from fsync Failures?", ATC '20.
 */
function foundWal(file: string): FoundWal {
  if ((statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return 'none';
  // Who has it open holds a lock on this one, and stops (latches) when a sync of its own fails.
  const index = statSync(`${file}-shm`, { bigint: true, throwIfNoEntry: false });
  return index === undefined || lockersOf(index, 'POSIX', dirname(file)).length === 0 ? 'left' : 'in use';
}

function assertThere(file: string): void {
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(dirname(file), constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new SnapcommitError('STATE_NOT_FOUND', `there is no log at ${file}. Make one with: snapcommit init`, {
        file,
      });
    throw fileError(error, file);
  }
}

function assertOurs(database: Database, file: string): void {
  const application = database.pragma('application_id', { simple: true });
  if (application !== APPLICATION_ID)
    throw new SnapcommitError(
      'LOG_FOREIGN',
      `${file} is a database, but no log of snapcommit. Name another state directory`,
      {
        file,
      },
    );
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > FORMAT)
    throw new SnapcommitError(
      'LOG_FORMAT_NEWER',
      `the log ${file} has format ${String(version)}, and this version of snapcommit knows formats up to ${String(FORMAT)}. Install a newer snapcommit`,
      { file, found: version, known: FORMAT },
    );
}

function prepare(database: Database, file: string): void {
  if (database.pragma('journal_mode', { simple: true }) !== 'wal')
    throw new SnapcommitError('LOG_CORRUPT', `the log ${file} is not in WAL mode; something else has written to it`, {
      file,
    });
  database.pragma('synchronous = FULL');
  database.pragma('wal_autocheckpoint = 0');
  database.pragma('trusted_schema = OFF');
  database.pragma('cell_size_check = ON');
}

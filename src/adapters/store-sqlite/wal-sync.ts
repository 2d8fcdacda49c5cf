/**
 * The one sync of a commit, made by us where SQLite is told not to (synchronous=NORMAL): as it is compiled into
 * better-sqlite3 it calls fsync, and fsync of a file that is written over commits the filesystem's journal each time, only
 * for the time of the change in its inode. Replicas on one disk, and whatever else syncs there, then wait for one journal.
 * fdatasync writes the data and all that it takes to read them again, which for a WAL is what counts.
 *
 * NORMAL keeps every other sync of FULL: of a new WAL's header and directory, and both of folding.
 */
import { closeSync, fdatasyncSync, openSync } from 'node:fs';
import { Sqlite } from './sqlite.js';

export class WalSync {
  readonly #wal: string;
  /** A descriptor of our own. SQLite's locks are not on this file, so closing it gives none up. */
  #descriptor: number | null = null;

  /** `file`: the database. */
  constructor(file: string) {
    this.#wal = `${file}-wal`;
  }

  /** To be called after each commit, before anybody hears of it. @throws SqliteError as of a sync of SQLite's own. */
  sync(): void {
    try {
      this.#descriptor ??= openSync(this.#wal, 'r');
      fdatasyncSync(this.#descriptor);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Sqlite.SqliteError(message, 'SQLITE_IOERR_FSYNC');
    }
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

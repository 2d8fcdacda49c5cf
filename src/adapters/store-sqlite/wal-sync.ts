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
  /**
   * A descriptor of our own. SQLite's locks are not on this file, so closing it gives none up. The kernel tells each
   * descriptor of the failed writes since it was opened, and of an earlier one only where nobody else has heard of that: so
   * it is opened before the first write.
   */
  #descriptor: number | null;

  /** `file`: a database that is open in WAL mode, and keeps its WAL until it is closed. */
  constructor(file: string) {
    this.#descriptor = openSync(`${file}-wal`, 'r');
  }

  /** To be called after each commit, before anybody hears of it. @throws SqliteError as of a sync of SQLite's own. */
  sync(): void {
    try {
      if (this.#descriptor === null) throw new Error('the write-ahead file is closed');
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

/** The tables, and the one place that prepares SQL over them. Statements are prepared on first use. */
import type { Database, Statement } from 'better-sqlite3';
import type { StoredCheckpoint, StoredRow } from './format.js';

export const SCHEMA = `
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;
  CREATE TABLE log (
    slot INTEGER PRIMARY KEY, round INTEGER NOT NULL, node TEXT NOT NULL,
    bytes BLOB NOT NULL, chain BLOB NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE checkpoint (
    id INTEGER PRIMARY KEY CHECK (id = 1), slot INTEGER NOT NULL,
    chain BLOB NOT NULL, bytes BLOB NOT NULL, crc INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE archive (
    group_name TEXT NOT NULL, generation INTEGER NOT NULL, bytes BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (group_name, generation)
  ) STRICT, WITHOUT ROWID;
`;

export interface StoredArchived {
  readonly group_name: string;
  readonly generation: number;
  readonly bytes: Buffer;
  readonly crc: number;
}

/** Prepares each statement when it is first asked for and keeps it. */
export class Tables {
  readonly #database: Database;
  readonly #prepared = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  /** Runs a statement that answers no rows. */
  run(sql: string, ...values: readonly (number | string | Uint8Array)[]): void {
    this.#prepare(sql).run(...values);
  }

  meta(): { readonly body: string; readonly crc: number } | undefined {
    return this.#get('SELECT body, crc FROM meta WHERE id = 1');
  }

  row(slot: number): StoredRow | undefined {
    return this.#get('SELECT slot, round, node, bytes, chain, crc FROM log WHERE slot = ?', slot);
  }

  rowsAfter(slot: number): readonly StoredRow[] {
    return this.#all('SELECT slot, round, node, bytes, chain, crc FROM log WHERE slot > ? ORDER BY slot', slot);
  }

  lowestSlot(): number | null {
    return this.#get<{ readonly slot: number | null }>('SELECT min(slot) AS slot FROM log')?.slot ?? null;
  }

  checkpoint(): StoredCheckpoint | undefined {
    return this.#get('SELECT slot, chain, bytes, crc FROM checkpoint WHERE id = 1');
  }

  archived(group: string, generation: number): StoredArchived | undefined {
    return this.#get('SELECT * FROM archive WHERE group_name = ? AND generation = ?', group, generation);
  }

  archivedOf(group: string): readonly StoredArchived[] {
    return this.#all('SELECT * FROM archive WHERE group_name = ? ORDER BY generation', group);
  }

  archive(): readonly StoredArchived[] {
    return this.#all('SELECT * FROM archive');
  }

  /** 2 is FULL. */
  synchronous(): number {
    return this.#get<{ readonly synchronous: number }>('PRAGMA synchronous')?.synchronous ?? -1;
  }

  #get<T>(sql: string, ...values: readonly (number | string)[]): T | undefined {
    return this.#prepare(sql).get(...values) as T | undefined;
  }

  #all<T>(sql: string, ...values: readonly (number | string)[]): readonly T[] {
    return this.#prepare(sql).all(...values) as T[];
  }

  #prepare(sql: string): Statement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}

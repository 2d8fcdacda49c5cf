/** The tables, and the one place that prepares SQL over them. Statements are prepared on first use. */
import type { StoredArchived, StoredCheckpoint, StoredRow } from './format.js';
import type { Database, Statement } from './sqlite.js';

export const SCHEMA = `
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL, crc INTEGER NOT NULL) STRICT;
  CREATE TABLE log (
    slot INTEGER PRIMARY KEY, header TEXT NOT NULL,
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

/** The columns are STRICT, so a row has the types that its statement says. Prepares each statement when it is first asked for and keeps it. */
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
    return this.#get('SELECT body, crc FROM meta WHERE id = 1') as ReturnType<Tables['meta']>;
  }

  row(slot: number): StoredRow | undefined {
    return this.#get('SELECT slot, header, bytes, chain, crc FROM log WHERE slot = ?', slot) as StoredRow | undefined;
  }

  rowsAfter(slot: number): readonly StoredRow[] {
    return this.#all(
      'SELECT slot, header, bytes, chain, crc FROM log WHERE slot > ? ORDER BY slot',
      slot,
    ) as StoredRow[];
  }

  lowestSlot(): number | null {
    const lowest = this.#get('SELECT min(slot) AS slot FROM log') as { readonly slot: number | null };
    return lowest.slot;
  }

  checkpoint(): StoredCheckpoint | undefined {
    return this.#get('SELECT slot, chain, bytes, crc FROM checkpoint WHERE id = 1') as StoredCheckpoint | undefined;
  }

  archived(group: string, generation: number): StoredArchived | undefined {
    return this.#get('SELECT * FROM archive WHERE group_name = ? AND generation = ?', group, generation) as
      StoredArchived | undefined;
  }

  archivedOf(group: string): readonly StoredArchived[] {
    return this.#all('SELECT * FROM archive WHERE group_name = ? ORDER BY generation', group) as StoredArchived[];
  }

  /** The record after this one, in the order of the primary key. */
  archivedAfter(group: string, generation: number): StoredArchived | undefined {
    return this.#get(
      'SELECT * FROM archive WHERE (group_name, generation) > (?, ?) ORDER BY group_name, generation LIMIT 1',
      group,
      generation,
    ) as StoredArchived | undefined;
  }

  archive(): readonly StoredArchived[] {
    return this.#all('SELECT * FROM archive') as StoredArchived[];
  }

  /** 2 is FULL. */
  synchronous(): number {
    const { synchronous } = this.#get('PRAGMA synchronous') as { readonly synchronous: number };
    return synchronous;
  }

  #get(sql: string, ...values: readonly (number | string)[]): unknown {
    return this.#prepare(sql).get(...values);
  }

  #all(sql: string, ...values: readonly (number | string)[]): unknown[] {
    return this.#prepare(sql).all(...values);
  }

  #prepare(sql: string): Statement {
    const known = this.#prepared.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#prepared.set(sql, statement);
    return statement;
  }
}

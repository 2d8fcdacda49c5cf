/** A checkpoint on its way out: a connection of its own, which sees one moment of the store until it is closed. */
import type { Slot } from '../../../paxos/contiguous-log.js';
import { corrupt } from '../errors.js';
import { isWholeRecord } from '../format.js';
import { openDatabase } from '../open.js';
import type { Database } from '../sqlite.js';
import { Tables } from '../tables.js';
import { chunked, encodeStream, type ArchivePart } from './checkpoint-stream.js';
import { ReplicaView } from './reading.js';

export class Sending {
  readonly slot: Slot;
  readonly #database: Database;
  readonly #chunks: Generator<Uint8Array, void>;

  private constructor(database: Database, view: ReplicaView, tables: Tables, state: Uint8Array, file: string) {
    const { identity, head, checkpointChain } = view.currentMeta;
    const { cluster, incarnation, configuration } = identity;
    this.slot = head.checkpoint;
    this.#database = database;
    const header = { cluster, incarnation, configuration, slot: head.checkpoint, chain: checkpointChain };
    this.#chunks = chunked(encodeStream(header, state, archiveOf(tables, file)));
  }

  /** Null when there is no checkpoint. @throws LOG_CORRUPT when it is damaged. */
  static open(file: string, busyTimeoutMs: number): Sending | null {
    return openDatabase(file, busyTimeoutMs, (database) => {
      database.exec('BEGIN');
      const tables = new Tables(database);
      const view = new ReplicaView(tables, file);
      const state = view.checkpoint();
      if (state !== null) return new Sending(database, view, tables, state, file);
      database.close();
      return null;
    });
  }

  next(): Uint8Array | null {
    const { value, done } = this.#chunks.next();
    return done === true ? null : value;
  }

  close(): void {
    this.#database.close();
  }
}

function* archiveOf(tables: Tables, file: string): Generator<ArchivePart, void> {
  let group = '';
  let generation = 0;
  for (;;) {
    const record = tables.archivedAfter(group, generation);
    if (record === undefined) return;
    ({ group_name: group, generation } = record);
    if (!isWholeRecord(record))
      throw corrupt(file, `the record of ${group}@${String(generation)} fails its checksum`, null);
    yield { group, generation, bytes: record.bytes };
  }
}

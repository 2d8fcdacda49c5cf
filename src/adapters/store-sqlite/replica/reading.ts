/** Reading for a replica: as view.ts, but damage is told by slot instead of refused as a whole. Nothing here writes. */
import { assertInvariant } from '../../../errors.js';
import { slot, type LogEntry, type Slot } from '../../../paxos/contiguous-log.js';
import type { Loaded, LoadedCheckpoint } from '../../../ports/replica-store.js';
import { corrupt } from '../errors.js';
import * as format from '../format.js';
import type { Meta } from '../meta.js';
import { Sqlite } from '../sqlite.js';
import type { Tables } from '../tables.js';
import { SqliteView } from '../view.js';
import { damagedSlots, type Anchor, type RowReader } from './proof.js';

/** A row on a page that SQLite cannot read is as damaged as one that fails its checksum. */
export function rowReader(tables: Tables): RowReader {
  return (at) => {
    try {
      return tables.row(at);
    } catch (error) {
      if (error instanceof Sqlite.SqliteError && error.code.startsWith('SQLITE_CORRUPT')) return undefined;
      throw error;
    }
  };
}

export function endOf(meta: Meta): Anchor {
  return { slot: meta.head.last, chain: Buffer.from(meta.lastChain, 'hex') };
}

/** Every damaged slot of the rows that are kept, exactly. */
export function survey(tables: Tables, meta: Meta): Slot[] {
  const start = { slot: meta.head.base, chain: Buffer.from(meta.baseChain, 'hex') };
  return damagedSlots(rowReader(tables), start, endOf(meta));
}

export class ReplicaView extends SqliteView {
  get currentMeta(): Meta {
    return this.meta;
  }

  load(): Loaded {
    const { identity, life, remembered, head, checkpointChain } = this.meta;
    const read = rowReader(this.tables);
    const start = { slot: head.checkpoint, chain: Buffer.from(checkpointChain, 'hex') };
    const damaged = damagedSlots(read, start, endOf(this.meta));
    const entries: LogEntry[] = [];
    const until = damaged[0] ?? head.last + 1;
    for (let at = head.checkpoint + 1; at < until; at += 1) {
      const row = read(at);
      assertInvariant(row !== undefined, 'I5', `slot ${String(at)} was whole a moment ago`);
      entries.push(format.entryOf(row));
    }
    return { identity, life, remembered, head, checkpoint: this.#loadedCheckpoint(), entries, damaged };
  }

  #loadedCheckpoint(): LoadedCheckpoint {
    const at = this.meta.head.checkpoint;
    if (at === 0) return { kind: 'none' };
    const bytes = this.wholeCheckpoint();
    return bytes === null ? { kind: 'damaged', slot: at } : { kind: 'whole', slot: at, bytes };
  }

  /** Null when it is damaged. */
  wholeCheckpoint(): Uint8Array | null {
    try {
      return this.checkpoint();
    } catch (error) {
      if (isCorrupt(error)) return null;
      throw error;
    }
  }

  read(after: Slot, maxBytes: number): readonly LogEntry[] {
    const { head } = this.meta;
    assertInvariant(after >= head.base, 'I5', `rows from slot ${String(after)} on are not kept any more`);
    const read = rowReader(this.tables);
    const entries: LogEntry[] = [];
    let chain = this.#chainToGoOnFrom(after);
    for (let at = after + 1, bytes = 0; at <= head.last; at += 1) {
      const row = read(at);
      if (!format.isWhole(row, at) || (chain !== null && !format.follows(chain, row))) {
        if (entries.length === 0) throw corrupt(this.file, 'its row is damaged', at);
        break;
      }
      bytes += row.bytes.length;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(format.entryOf(row));
      chain = row.chain;
    }
    return entries;
  }

  /** Null where the row before is damaged: then only its checksum speaks for the next one. */
  #chainToGoOnFrom(after: Slot): Buffer | null {
    const known = this.knownChain(after);
    if (known !== null) return known;
    const row = rowReader(this.tables)(after);
    return format.isWhole(row, after) ? row.chain : null;
  }

  /**
   * Looks at up to `limit` rows after `after`, each against the one before it. Which slots are damaged, exactly, `survey`
   * says: this only says that there are some.
   */
  lookThrough(after: number, limit: number): { readonly next: Slot; readonly rows: number; readonly whole: boolean } {
    const { head } = this.meta;
    const read = rowReader(this.tables);
    const start = Math.max(after, head.base);
    const end = Math.min(start + limit, head.last);
    let chain = start > head.last ? null : this.#chainToGoOnFrom(slot(start));
    let whole = true;
    for (let at = start + 1; at <= end; at += 1) {
      const row = read(at);
      if (format.isWhole(row, at)) {
        whole &&= chain === null || format.follows(chain, row);
        chain = row.chain;
      } else [whole, chain] = [false, null];
    }
    if (end === head.last && chain?.toString('hex') !== this.meta.lastChain) whole = false;
    return { next: slot(end), rows: Math.max(0, end - start), whole };
  }

  /** Up to `limit` records of the archive after this one. */
  lookThroughArchive(
    from: ArchiveKey,
    limit: number,
  ): { readonly next: ArchiveKey | null; readonly damaged: ArchiveKey[] } {
    const damaged: ArchiveKey[] = [];
    let next = from;
    for (let count = 0; count < limit; count += 1) {
      const record = this.tables.archivedAfter(next.group, next.generation);
      if (record === undefined) return { next: null, damaged };
      next = { group: record.group_name, generation: record.generation };
      if (!format.isWholeRecord(record)) damaged.push(next);
    }
    return { next, damaged };
  }

  damagedRows(): Slot[] {
    return survey(this.tables, this.meta);
  }
}

export interface ArchiveKey {
  readonly group: string;
  readonly generation: number;
}

function isCorrupt(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return error.code === 'LOG_CORRUPT' || error.code.startsWith('SQLITE_CORRUPT');
}

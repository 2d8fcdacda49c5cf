/** Reading, with every check: what is handed out was whole and in its place (D10). Nothing here writes. */
import type { SnapcommitError } from '../../errors.js';
import type { LogEntry, Slot } from '../../paxos/contiguous-log.js';
import type { ArchivedRow, StoreHead, StoreIdentity, StoreView } from '../../ports/log-store.js';
import { corrupt } from './errors.js';
import * as format from './format.js';
import { decodeMeta, metaCrc, type Meta } from './meta.js';
import type { Tables } from './tables.js';

/** What was read or written last through these tables. Where the same bytes stand there still, they need no reading. */
const newest = new WeakMap<Tables, { readonly body: string; readonly crc: number; readonly meta: Meta }>();

export function rememberMeta(
  tables: Tables,
  written: { readonly body: string; readonly crc: number },
  meta: Meta,
): void {
  newest.set(tables, { ...written, meta });
}

export function readMeta(tables: Tables, file: string): Meta {
  const stored = tables.meta();
  if (stored === undefined) throw corrupt(file, 'the meta row is missing', null);
  const known = newest.get(tables);
  if (known?.body === stored.body && known.crc === stored.crc) return known.meta;
  if (metaCrc(stored.body) !== stored.crc) throw corrupt(file, 'the meta row fails its checksum', null);
  let meta: Meta;
  try {
    meta = decodeMeta(stored.body);
  } catch (cause) {
    throw corrupt(file, 'the meta row does not say what it must', null, cause);
  }
  rememberMeta(tables, stored, meta);
  return meta;
}

export class SqliteView implements StoreView {
  protected readonly tables: Tables;
  protected readonly file: string;
  protected meta: Meta;

  constructor(tables: Tables, file: string) {
    this.tables = tables;
    this.file = file;
    this.meta = readMeta(tables, file);
  }

  get identity(): StoreIdentity {
    return this.meta.identity;
  }

  get head(): StoreHead {
    return this.meta.head;
  }

  entries(after: Slot): readonly LogEntry[] {
    const { last } = this.meta.head;
    const rows = this.tables.rowsAfter(after);
    let chain = this.chainAt(after);
    for (let at = after + 1; at <= Math.max(last, after + rows.length); at += 1) {
      const row = rows[at - after - 1];
      if (row === undefined)
        throw this.#corruptAt(at, `its row is missing; there must be rows up to slot ${String(last)}`);
      chain = this.#checkRow(row, at, chain);
    }
    if (chain.toString('hex') !== this.meta.lastChain)
      throw this.#corruptAt(last, 'the hash chain does not end where it must');
    return rows.map(format.entryOf);
  }

  /** Answers the row's chain. */
  #checkRow(row: format.StoredRow, at: number, previous: Buffer): Buffer {
    if (row.slot !== at) throw this.#corruptAt(at, `its row is missing; the next one is of slot ${String(row.slot)}`);
    if (at > this.meta.head.last)
      throw this.#corruptAt(at, `there is a row, though the last slot is ${String(this.meta.head.last)}`);
    if (!format.isChecked(row)) throw this.#corruptAt(at, 'its row fails its checksum');
    if (!format.follows(previous, row)) throw this.#corruptAt(at, 'its row does not follow from the one before it');
    return row.chain;
  }

  checkpoint(): Uint8Array | null {
    return this.#checkpoint()?.bytes ?? null;
  }

  #checkpoint(): format.StoredCheckpoint | null {
    const wanted = this.meta.head.checkpoint;
    if (wanted === 0) return null;
    const stored = this.tables.checkpoint();
    if (stored?.slot !== wanted || stored.chain.toString('hex') !== this.meta.checkpointChain)
      throw this.#corruptAt(wanted, 'its checkpoint is missing');
    if (format.checkpointCrc(stored.slot, stored.chain, stored.bytes) !== stored.crc)
      throw this.#corruptAt(wanted, 'its checkpoint fails its checksum');
    return stored;
  }

  archived(group: string, generation: number): Uint8Array | undefined {
    const stored = this.tables.archived(group, generation);
    return stored === undefined ? undefined : this.checkArchived(stored).bytes;
  }

  archivedOf(group: string): readonly ArchivedRow[] {
    return this.tables.archivedOf(group).map((stored) => this.checkArchived(stored));
  }

  protected checkArchived(stored: format.StoredArchived): ArchivedRow {
    const { group_name: group, generation, bytes } = stored;
    if (!format.isWholeRecord(stored))
      throw corrupt(this.file, `the record of ${group}@${String(generation)} fails its checksum`, null);
    return { generation, bytes };
  }

  /** The chain of the slot `at`, from which the next row goes on. */
  protected chainAt(at: Slot): Buffer {
    const known = this.knownChain(at);
    if (known !== null) return known;
    const stored = this.tables.row(at);
    if (stored === undefined) throw this.#corruptAt(at, 'its row is missing');
    if (!format.isWhole(stored, at)) throw this.#corruptAt(at, 'its row fails its checksum');
    return stored.chain;
  }

  /** Where the meta row holds the chain: at the log's ends and at the checkpoint. */
  protected knownChain(at: Slot): Buffer | null {
    const { head, lastChain, baseChain, checkpointChain } = this.meta;
    if (at === head.last) return Buffer.from(lastChain, 'hex');
    if (at === head.base) return Buffer.from(baseChain, 'hex');
    return at === head.checkpoint ? Buffer.from(checkpointChain, 'hex') : null;
  }

  /** Checks everything; answers how many rows the log has. */
  scrub(): number {
    const { base, last } = this.meta.head;
    const lowest = this.tables.lowestSlot();
    if (lowest !== null && lowest <= base)
      throw this.#corruptAt(lowest, `there is a row, though the log starts after slot ${String(base)}`);
    const rows = this.entries(base);
    this.#checkpoint();
    for (const stored of this.tables.archive()) this.checkArchived(stored);
    return Math.min(rows.length, last - base);
  }

  /** @throws LOG_CORRUPT always. */
  refuse(what: string): never {
    throw corrupt(this.file, what, null);
  }

  #corruptAt(at: number, what: string): SnapcommitError {
    return corrupt(this.file, what, at);
  }
}

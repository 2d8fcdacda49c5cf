/** Writing, inside one SQLite transaction that store.ts begins and ends. */
import { assertInvariant } from '../../errors.js';
import { slot, type Slot } from '../../paxos/contiguous-log.js';
import type { Write } from '../../paxos/effects.js';
import type { StoreHead, StoreTransaction } from '../../ports/log-store.js';
import * as format from './format.js';
import { encodeMeta, type Meta } from './meta.js';
import { rememberMeta, SqliteView } from './view.js';

/** What a transaction has written; store.ts chooses the crash points by it. */
export type Written = 'nothing' | 'checkpoint' | 'entries';

export class SqliteTransaction extends SqliteView implements StoreTransaction {
  written: Written = 'nothing';
  /** The checkpoint's slot before this transaction; null while it has written none. */
  #checkpointBefore: number | null = null;
  /** Whether it is a batch: only a daemon's start is none. */
  protected counts = true;

  write(write: Write): void {
    const { head } = this.meta;
    assertInvariant(
      write.first > head.base && write.first <= head.last + 1,
      'I5',
      `rows from ${String(write.first)} leave a hole`,
    );
    let chain = this.chainAt(slot(write.first - 1));
    if (write.first <= head.last) this.tables.run('DELETE FROM log WHERE slot >= ?', write.first);
    for (const [index, entry] of write.entries.entries()) {
      const row = format.rowOf(chain, slot(write.first + index), entry);
      this.insertRow('INSERT', row);
      chain = row.chain;
    }
    const { promised, accepted, abstains, decided, configuration } = write;
    const last = slot(write.first - 1 + write.entries.length);
    // A log that lost rows knows less to be decided than it did. What is archived is archived again, and the same.
    const applied = slot(Math.min(head.applied, decided));
    this.change(
      { promised, accepted, abstains, decided, applied, last },
      { lastChain: chain.toString('hex'), identity: { ...this.meta.identity, configuration } },
    );
    this.written = 'entries';
  }

  putArchived(group: string, generation: number, bytes: Uint8Array): void {
    this.tables.run(
      'INSERT OR REPLACE INTO archive (group_name, generation, bytes, crc) VALUES (?, ?, ?, ?)',
      group,
      generation,
      bytes,
      format.archiveCrc(group, generation, bytes),
    );
    this.written = 'entries';
  }

  deleteArchived(group: string, generation: number): void {
    this.tables.run('DELETE FROM archive WHERE group_name = ? AND generation = ?', group, generation);
    this.written = 'entries';
  }

  setApplied(applied: Slot): void {
    assertInvariant(applied <= this.meta.head.decided, 'I3', `slot ${String(applied)} is applied and not decided`);
    this.change({ applied }, {});
    this.written = 'entries';
  }

  writeCheckpoint(bytes: Uint8Array, keep: number): void {
    const { applied: at, base, checkpoint: before } = this.meta.head;
    const chain = this.chainAt(at);
    this.tables.run(
      'INSERT OR REPLACE INTO checkpoint (id, slot, chain, bytes, crc) VALUES (1, ?, ?, ?, ?)',
      at,
      chain,
      bytes,
      format.checkpointCrc(at, chain, bytes),
    );
    const newBase = slot(Math.max(base, at - keep));
    const baseChain = this.chainAt(newBase).toString('hex');
    this.tables.run('DELETE FROM log WHERE slot <= ?', newBase);
    this.change({ checkpoint: at, base: newBase }, { baseChain, checkpointChain: chain.toString('hex') });
    this.#checkpointBefore ??= before;
    if (this.written === 'nothing') this.written = 'checkpoint';
  }

  /** Whether its checkpoint is the first that reaches some multiple of so many slots. */
  hasCrossed(slots: number): boolean {
    const before = this.#checkpointBefore;
    return before !== null && Math.floor(before / slots) < Math.floor(this.meta.head.checkpoint / slots);
  }

  /** Writes the meta row, with this batch counted; the last thing before the commit. */
  finish(): void {
    const { life } = this.meta;
    const batches = life.batches + (this.counts ? 1 : 0);
    this.meta = { ...this.meta, life: { ...life, batches } };
    const { body, crc } = encodeMeta(this.meta);
    this.tables.run('UPDATE meta SET body = ?, crc = ? WHERE id = 1', body, crc);
    rememberMeta(this.tables, { body, crc }, this.meta);
  }

  protected insertRow(how: 'INSERT' | 'INSERT OR REPLACE', row: format.StoredRow): void {
    const { slot: at, header, bytes, chain, crc } = row;
    this.tables.run(
      `${how} INTO log (slot, header, bytes, chain, crc) VALUES (?, ?, ?, ?, ?)`,
      at,
      header,
      bytes,
      chain,
      crc,
    );
  }

  protected change(head: Partial<StoreHead>, others: Partial<Omit<Meta, 'head'>>): void {
    this.meta = { ...this.meta, ...others, head: { ...this.meta.head, ...head } };
  }
}

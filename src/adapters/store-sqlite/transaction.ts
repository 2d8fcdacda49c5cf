/** Writing, inside one SQLite transaction that store.ts begins and ends. */
import { assertInvariant } from '../../errors.js';
import { slot, type Slot } from '../../paxos/contiguous-log.js';
import type { Write } from '../../paxos/effects.js';
import type { StoreHead, StoreTransaction } from '../../ports/log-store.js';
import * as format from './format.js';
import { SqliteView } from './view.js';

/** What a transaction has written; store.ts chooses the crash points by it. */
export type Written = 'nothing' | 'checkpoint' | 'entries';

export class SqliteTransaction extends SqliteView implements StoreTransaction {
  written: Written = 'nothing';
  /** The checkpoint's slot before this transaction; null while it has written none. */
  #checkpointBefore: number | null = null;

  write(write: Write): void {
    const { head } = this.meta;
    assertInvariant(
      write.first > head.base && write.first <= head.last + 1,
      'L5',
      `rows from ${String(write.first)} leave a hole`,
    );
    let chain = this.chainAt(slot(write.first - 1));
    if (write.first <= head.last) this.tables.run('DELETE FROM log WHERE slot >= ?', write.first);
    for (const [index, entry] of write.entries.entries()) {
      const row = format.rowOf(chain, slot(write.first + index), entry);
      this.tables.run(
        'INSERT INTO log (slot, round, node, bytes, chain, crc) VALUES (?, ?, ?, ?, ?, ?)',
        row.slot,
        row.round,
        row.node,
        row.bytes,
        row.chain,
        row.crc,
      );
      chain = row.chain;
    }
    const { promised, accepted, decided } = write;
    const last = slot(write.first - 1 + write.entries.length);
    this.#change({ promised, accepted, decided, last }, { lastChain: chain.toString('hex') });
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
    assertInvariant(applied <= this.meta.head.decided, 'L3', `slot ${String(applied)} is applied and not decided`);
    this.#change({ applied }, {});
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
    this.#change({ checkpoint: at, base: newBase }, { baseChain });
    this.#checkpointBefore ??= before;
    if (this.written === 'nothing') this.written = 'checkpoint';
  }

  /** Whether its checkpoint is the first that reaches some multiple of so many slots. */
  hasCrossed(slots: number): boolean {
    const before = this.#checkpointBefore;
    return before !== null && Math.floor(before / slots) < Math.floor(this.meta.head.checkpoint / slots);
  }

  /** Writes the meta row; the last thing before the commit. */
  finish(): void {
    const { body, crc } = format.encodeMeta(this.meta);
    this.tables.run('UPDATE meta SET body = ?, crc = ? WHERE id = 1', body, crc);
  }

  #change(head: Partial<StoreHead>, chains: Partial<Pick<format.Meta, 'baseChain' | 'lastChain'>>): void {
    this.meta = { ...this.meta, ...chains, head: { ...this.meta.head, ...head } };
  }
}

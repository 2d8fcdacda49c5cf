/** Writing for a replica, inside one SQLite transaction: a whole batch, a repair, a peer's checkpoint. */
import { assertInvariant, SnapcommitError, unreachable } from '../../../errors.js';
import { slot, type LogEntry, type Slot } from '../../../paxos/contiguous-log.js';
import type { ArchiveWrite, IdentityChange, StoreBatch, StoreLife } from '../../../ports/replica-store.js';
import { archiveCrc, checkpointCrc, isWhole, follows } from '../format.js';
import { SqliteTransaction } from '../transaction.js';
import type { DecodedStream } from './checkpoint-stream.js';
import { provenRows } from './proof.js';
import { endOf, rowReader, survey } from './reading.js';

export class ReplicaTransaction extends SqliteTransaction {
  get life(): StoreLife {
    return this.meta.life;
  }

  /** A daemon begins to use the store. */
  begin(nonce: string): void {
    const { life } = this.meta;
    this.change({}, { life: { ...life, starts: life.starts + 1, nonce, startedAt: life.batches } });
    this.written = 'entries';
  }

  apply(batch: StoreBatch): void {
    for (const write of batch.writes ?? []) this.write(write);
    for (const change of batch.archive ?? []) this.#archive(change);
    if (batch.applied !== undefined) this.setApplied(batch.applied);
    if (batch.checkpoint !== undefined) this.writeCheckpoint(batch.checkpoint.bytes, batch.checkpoint.keep);
    if (batch.identity !== undefined) this.#identify(batch.identity);
    if (batch.remembered !== undefined)
      this.change({}, { remembered: { ...this.meta.remembered, ...batch.remembered } });
    this.written = 'entries';
  }

  #archive(change: ArchiveWrite): void {
    switch (change.kind) {
      case 'put':
        this.putArchived(change.group, change.generation, change.bytes);
        return;
      case 'delete':
        this.deleteArchived(change.group, change.generation);
        return;
      default:
        unreachable(change);
    }
  }

  #identify(change: IdentityChange): void {
    this.change({}, { identity: { ...this.meta.identity, ...change } });
  }

  /** Whether `entries` are what stood in the slots from `first` on; then they stand there again. */
  repair(first: Slot, entries: readonly LogEntry[]): boolean {
    const { base, last } = this.meta.head;
    assertInvariant(first > base && first <= last, 'L5', `slot ${String(first)} is none of the rows that are kept`);
    const read = rowReader(this.tables);
    const before = slot(first - 1);
    const row = read(before);
    const chain = this.knownChain(before) ?? (isWhole(row, before) ? row.chain : null);
    if (chain === null) return false;
    const rows = provenRows(read, { slot: before, chain }, endOf(this.meta), entries);
    if (rows === null) return false;
    for (const one of rows) this.insertRow('INSERT OR REPLACE', one);
    this.written = 'entries';
    return true;
  }

  /** P7: index, state, archive, configuration and incarnation change together, or the caller rolls all of it back. */
  install({ header, state, archive }: DecodedStream): void {
    const { identity, head } = this.meta;
    const { slot: at, incarnation, configuration } = header;
    if (header.cluster !== identity.cluster || incarnation < identity.incarnation) throw this.#foreign(header);
    if (at < head.base) throw this.#tooOld(at);
    const chain = Buffer.from(header.chain, 'hex');
    const keeps = at <= head.last && this.#goesOnFrom(at, chain);
    assertInvariant(keeps || at > head.decided, 'L4', `two histories were chosen up to slot ${String(at)}`);
    this.tables.run('DELETE FROM log WHERE slot <= ?', keeps ? at : Number.MAX_SAFE_INTEGER);
    this.tables.run('DELETE FROM archive');
    for (const { group, generation, bytes } of archive) this.#putArchivedRaw(group, generation, bytes);
    this.#putCheckpoint(at, chain, state);
    const decided = slot(Math.max(head.decided, at));
    const last = keeps ? {} : { last: at };
    this.change(
      { base: at, checkpoint: at, applied: at, decided, ...last },
      {
        identity: {
          ...identity,
          incarnation,
          configuration: configuration.id > identity.configuration.id ? configuration : identity.configuration,
        },
        baseChain: header.chain,
        checkpointChain: header.chain,
        ...(keeps ? {} : { lastChain: header.chain }),
      },
    );
    this.written = 'entries';
    this.checkpointed = true;
  }

  #putArchivedRaw(group: string, generation: number, bytes: Uint8Array): void {
    this.tables.run(
      'INSERT INTO archive (group_name, generation, bytes, crc) VALUES (?, ?, ?, ?)',
      group,
      generation,
      bytes,
      archiveCrc(group, generation, bytes),
    );
  }

  #putCheckpoint(at: Slot, chain: Buffer, state: Uint8Array): void {
    this.tables.run(
      'INSERT OR REPLACE INTO checkpoint (id, slot, chain, bytes, crc) VALUES (1, ?, ?, ?, ?)',
      at,
      chain,
      state,
      checkpointCrc(at, chain, state),
    );
  }

  /**
   * Whether our rows after `at` go on from a history that has this chain there. Where damage hides it they stay: we may
   * have accepted them (D10). Where it does not, none of them can ever be chosen.
   */
  #goesOnFrom(at: Slot, chain: Buffer): boolean {
    const known = this.knownChain(at);
    if (known !== null) return known.equals(chain);
    const read = rowReader(this.tables);
    const row = read(at);
    if (isWhole(row, at) && row.chain.equals(chain)) return true;
    const next = read(at + 1);
    if (isWhole(next, at + 1) && follows(chain, next)) return true;
    return survey(this.tables, this.meta).includes(at);
  }

  #foreign(header: DecodedStream['header']): SnapcommitError {
    const { cluster, incarnation } = this.meta.identity;
    return new SnapcommitError(
      'LOG_FOREIGN',
      `the checkpoint is of cluster ${header.cluster}, incarnation ${String(header.incarnation)}, and ${this.file} is of cluster ${cluster}, incarnation ${String(incarnation)}; nothing was changed`,
      { file: this.file, cluster: header.cluster, incarnation: header.incarnation },
    );
  }

  #tooOld(at: Slot): SnapcommitError {
    const { base } = this.meta.head;
    return new SnapcommitError(
      'EXPECTATION_FAILED',
      `the checkpoint of slot ${String(at)} is too old for ${this.file}, whose rows begin after slot ${String(base)}; nothing was changed. A newer one is needed`,
      { file: this.file, slot: at, base },
    );
  }
}

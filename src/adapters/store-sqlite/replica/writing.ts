/** Writing for a replica, inside one SQLite transaction: a whole batch, a repair, a peer's checkpoint. */
import { assertInvariant, InvariantError, SnapcommitError, unreachable } from '../../../errors.js';
import { slot, type LogEntry, type Slot } from '../../../paxos/contiguous-log.js';
import type { Write } from '../../../paxos/effects.js';
import type {
  ArchiveWrite,
  CheckpointHeader,
  IdentityChange,
  StoreBatch,
  StoreLife,
} from '../../../ports/replica-store.js';
import { checkpointCrc, follows, isWhole, isWholeRecord } from '../format.js';
import { SqliteTransaction } from '../transaction.js';
import type { StagedCheckpoint } from './checkpoint-stream.js';
import { provenRows } from './proof.js';
import { nextStart } from './life.js';
import { endOf, rowReader, survey } from './reading.js';

export class ReplicaTransaction extends SqliteTransaction {
  get life(): StoreLife {
    return this.meta.life;
  }

  /** A daemon begins to use the store. */
  begin(nonce: string): void {
    this.change({}, { life: nextStart(this.meta.life, nonce) });
    this.counts = false;
    this.written = 'entries';
  }

  /** `staged` is the checkpoint that was checked, for a batch that installs it. */
  apply(batch: StoreBatch, staged: StagedCheckpoint | null): void {
    for (const write of batch.writes ?? []) {
      if (write.install !== null) this.#writeInstalled(write, staged);
      this.write(write);
    }
    for (const change of batch.archive ?? []) this.#archive(change);
    if (batch.applied !== undefined) this.setApplied(batch.applied);
    if (batch.adopt !== undefined) this.#adopt(batch.adopt, staged);
    if (batch.mend !== undefined) this.#mend(this.#staged(staged, batch.mend));
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

  #mend({ archive }: StagedCheckpoint): void {
    for (const { group, generation, bytes } of archive()) {
      const ours = this.tables.archived(group, generation);
      // What is not there was deleted since.
      if (ours !== undefined && !isWholeRecord(ours)) this.putArchived(group, generation, bytes);
    }
  }

  #identify(change: IdentityChange): void {
    this.change({}, { identity: { ...this.meta.identity, ...change } });
  }

  /** Whether `entries` are what stood in the slots from `first` on; then they stand there again. */
  repair(first: Slot, entries: readonly LogEntry[]): boolean {
    const { base, last } = this.meta.head;
    // A checkpoint may have dropped the row since it was found damaged.
    if (first <= base || first > last) return false;
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

  /** The core's write on a checkpoint that it had no log up to: `first` says whether rows after the checkpoint stay. */
  #writeInstalled(write: Write, staged: StagedCheckpoint | null): void {
    const stream = this.#staged(staged, write.install);
    const at = stream.header.slot;
    const keeps = write.first > at + 1;
    assertInvariant(!keeps || this.#goesOnFrom(stream.header), 'I4', `our rows do not go on from slot ${String(at)}`);
    this.#install(stream, keeps);
  }

  #adopt(at: Slot, staged: StagedCheckpoint | null): void {
    const stream = this.#staged(staged, at);
    const { base, decided } = this.meta.head;
    if (at < base) throw this.#tooOld(at);
    assertInvariant(at <= decided, 'I4', `slot ${String(at)} is not decided here, so the core has to install it`);
    assertInvariant(this.#goesOnFrom(stream.header), 'I4', `two histories were chosen up to slot ${String(at)}`);
    this.#install(stream, true);
  }

  #staged(staged: StagedCheckpoint | null, at: Slot | null): StagedCheckpoint {
    if (staged !== null && staged.header.slot === at) return staged;
    throw new InvariantError('P7', `no checkpoint of slot ${String(at)} was checked`);
  }

  /** P7: index, state, archive, configuration and incarnation change together, or the caller rolls all of it back. */
  #install({ header, state, archive }: StagedCheckpoint, keepsRows: boolean): void {
    const { identity, head } = this.meta;
    const { slot: at, incarnation, configuration, chain } = header;
    this.tables.run('DELETE FROM log WHERE slot <= ?', keepsRows ? at : Number.MAX_SAFE_INTEGER);
    this.tables.run('DELETE FROM archive');
    for (const { group, generation, bytes } of archive()) this.putArchived(group, generation, bytes);
    this.#putCheckpoint(at, Buffer.from(chain, 'hex'), state);
    const isNewer = configuration.id > identity.configuration.id;
    this.change(
      { base: at, checkpoint: at, applied: at, decided: slot(Math.max(head.decided, at)) },
      {
        identity: { ...identity, incarnation, configuration: isNewer ? configuration : identity.configuration },
        baseChain: chain,
        checkpointChain: chain,
      },
    );
    if (!keepsRows) this.change({ last: at }, { lastChain: chain });
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

  /** Whether our rows go on from a history that has this chain there. Where damage hides it, nothing speaks against it. */
  #goesOnFrom({ slot: at, chain: hex }: CheckpointHeader): boolean {
    const chain = Buffer.from(hex, 'hex');
    const known = this.knownChain(at);
    if (known !== null) return known.equals(chain);
    const read = rowReader(this.tables);
    const row = read(at);
    if (isWhole(row, at) && row.chain.equals(chain)) return true;
    const next = read(at + 1);
    if (isWhole(next, at + 1) && follows(chain, next)) return true;
    return survey(this.tables, this.meta).includes(at);
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

/**
 * A replica's store in memory, which passes the contract of the real one. A `MemoryDisk` outlives the stores opened on it,
 * as a file outlives processes: it can be copied (a snapshot, a clone), set back, damaged, filled, and made to fail a sync.
 * Rows are kept as the real store keeps them, so damage and its proof are the real code's.
 */
import { chunked, encodeStream, type StagedCheckpoint } from '#src/adapters/store-sqlite/replica/checkpoint-stream.js';
import { nextStart } from '#src/adapters/store-sqlite/replica/life.js';
import { damagedSlots, provenRows } from '#src/adapters/store-sqlite/replica/proof.js';
import { CHAIN_START, entryOf, type StoredRow } from '#src/adapters/store-sqlite/format.js';
import { assertInvariant, SnapcommitError } from '#src/errors.js';
import { NO_BALLOT } from '#src/paxos/ballot.js';
import { slot, type LogEntry, type Slot } from '#src/paxos/contiguous-log.js';
import type { ArchivedRow, StoreIdentity } from '#src/ports/log-store.js';
import type {
  CheckpointInstaller,
  CheckpointReader,
  Loaded,
  ReplicaStore,
  ScrubReport,
  StoreBatch,
  StoreLife,
} from '#src/ports/replica-store.js';
import {
  applyBatch,
  archiveParts,
  archiveWith,
  chainAt,
  checkedStream,
  rowsBetween,
  type Contents,
} from './memory-replica-contents.js';

export class MemoryDisk {
  contents: Contents;
  isFull = false;
  nextSync: 'succeeds' | 'failsDone' | 'failsUndone' = 'succeeds';
  syncs = 0;

  constructor(identity: StoreIdentity, id: string) {
    const none = slot(0);
    const head = {
      promised: NO_BALLOT,
      accepted: NO_BALLOT,
      abstains: null,
      decided: none,
      applied: none,
      base: none,
      last: none,
      checkpoint: none,
    };
    this.contents = {
      identity,
      life: { id, starts: 0, nonce: '', startedAt: 0, batches: 0, earlier: [] },
      remembered: {},
      head,
      baseChain: CHAIN_START,
      checkpointChain: CHAIN_START,
      lastChain: CHAIN_START,
      rows: [],
      checkpoint: null,
      archive: new Map(),
    };
  }

  /** What a snapshot of the volume holds. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk(this.contents.identity, '');
    copy.contents = this.contents;
    return copy;
  }

  /** Puts something else in a slot: nothing, a row with a flipped bit, or another slot's row as it is. */
  damage(at: number, how: 'missing' | 'flipped' | { readonly misdirected: number }): void {
    const { base } = this.contents.head;
    const rows = [...this.contents.rows];
    const row = rows[at - base - 1];
    assertInvariant(row !== undefined, 'I5', `there is no row in slot ${String(at)} to damage`);
    if (how === 'missing') rows[at - base - 1] = undefined;
    else if (how === 'flipped') rows[at - base - 1] = { ...row, bytes: Buffer.concat([row.bytes, Buffer.from('!')]) };
    else rows[at - base - 1] = rows[how.misdirected - base - 1];
    this.contents = { ...this.contents, rows };
  }

  damageCheckpoint(): void {
    this.contents = { ...this.contents, checkpoint: 'damaged' };
  }

  damageArchived(group: string, generation: number): void {
    this.contents = { ...this.contents, archive: archiveWith(this.contents.archive, group, generation, 'damaged') };
  }

  /** As opening the real store does: counts a start. `nonce` is random for each start. */
  async open(nonce: string): Promise<ReplicaStore> {
    const { life } = this.contents;
    const begun = nextStart(life, nonce);
    this.sync({ ...this.contents, life: begun }, false);
    return new MemoryReplicaStore(this, begun);
  }

  /** @throws STORE_FULL; OUTCOME_UNKNOWN */
  sync(contents: Contents, grows: boolean): void {
    if (this.isFull && grows) throw new SnapcommitError('STORE_FULL', 'the memory disk is full; nothing was written');
    const how = this.nextSync;
    this.nextSync = 'succeeds';
    if (how !== 'failsUndone') this.contents = contents;
    if (how !== 'succeeds') throw new SnapcommitError('OUTCOME_UNKNOWN', 'the sync of the memory disk failed');
    this.syncs += 1;
  }
}

class MemoryReplicaStore implements ReplicaStore {
  readonly file = 'memory';
  readonly #disk: MemoryDisk;
  #life: StoreLife;
  #latched = false;
  #staged: { readonly chunks: Uint8Array[]; checked: StagedCheckpoint | null } | null = null;

  constructor(disk: MemoryDisk, life: StoreLife) {
    this.#disk = disk;
    this.#life = life;
  }

  async load(): Promise<Loaded> {
    const { identity, life, remembered, head, checkpoint, checkpointChain } = this.#contents();
    if (life.nonce !== this.#life.nonce) throw busy();
    this.#life = life;
    const damaged = this.#damagedAfter(head.checkpoint, checkpointChain);
    const whole = slot((damaged[0] ?? head.last + 1) - 1);
    const entries = rowsBetween(this.#contents(), head.checkpoint, whole).map(entryOf);
    const at = head.checkpoint;
    if (checkpoint === null)
      return { identity, life, remembered, head, checkpoint: { kind: 'none' }, entries, damaged };
    if (checkpoint === 'damaged')
      return { identity, life, remembered, head, checkpoint: { kind: 'damaged', slot: at }, entries, damaged };
    return {
      identity,
      life,
      remembered,
      head,
      checkpoint: { kind: 'whole', slot: at, bytes: checkpoint },
      entries,
      damaged,
    };
  }

  async persist(batch: StoreBatch): Promise<StoreLife> {
    const before = this.#contents();
    if (before.life.nonce !== this.#life.nonce || before.life.batches !== this.#life.batches) throw busy();
    const life = { ...before.life, batches: before.life.batches + 1 };
    const after = { ...applyBatch(before, batch, this.#staged?.checked ?? null), life };
    const { adopt, mend } = batch;
    const installs = (adopt ?? mend) !== undefined || batch.writes?.some((write) => write.install !== null) === true;
    this.#sync(after, installs || batch.writes?.some((write) => write.entries.length > 0) === true);
    this.#life = life;
    if (installs) this.#staged = null;
    return life;
  }

  async read(after: Slot, maxBytes: number): Promise<readonly LogEntry[]> {
    const { head } = this.#contents();
    assertInvariant(after >= head.base, 'I5', `rows from slot ${String(after)} on are not kept any more`);
    const damaged = new Set<number>(await this.#allDamaged());
    if (damaged.has(after + 1)) throw new SnapcommitError('LOG_CORRUPT', 'a row is damaged', { slot: after + 1 });
    const entries: LogEntry[] = [];
    for (let at = after + 1, bytes = 0; at <= head.last && !damaged.has(at); at += 1) {
      const row = this.#row(at);
      assertInvariant(row !== undefined, 'I5', 'a whole row is missing');
      bytes += row.bytes.length;
      if (entries.length > 0 && bytes > maxBytes) break;
      entries.push(entryOf(row));
    }
    return entries;
  }

  async archived(group: string, generation: number): Promise<Uint8Array | undefined> {
    const bytes = this.#contents().archive.get(group)?.get(generation);
    if (bytes === 'damaged') throw new SnapcommitError('LOG_CORRUPT', 'an archived record is damaged');
    return bytes;
  }

  async archivedOf(group: string): Promise<readonly ArchivedRow[]> {
    const rows = [...(this.#contents().archive.get(group) ?? [])].map(([generation, bytes]) => {
      if (bytes === 'damaged') throw new SnapcommitError('LOG_CORRUPT', 'an archived record is damaged');
      return { generation, bytes };
    });
    return rows.sort((a, b) => a.generation - b.generation);
  }

  async scrub(rest?: () => Promise<void>): Promise<ScrubReport> {
    await rest?.();
    const { rows, checkpoint, archive } = this.#contents();
    const bad = [...archive].flatMap(([group, records]) =>
      [...records].filter(([, bytes]) => bytes === 'damaged').map(([generation]) => ({ group, generation })),
    );
    const damaged = await this.#allDamaged();
    return { rows: rows.length, damaged, checkpointDamaged: checkpoint === 'damaged', archive: bad };
  }

  async repair(first: Slot, entries: readonly LogEntry[]): Promise<'repaired' | 'unproven'> {
    const contents = this.#contents();
    const { head, lastChain } = contents;
    if (first <= head.base || first > head.last) return 'unproven';
    const chain = chainAt(contents, slot(first - 1));
    const end = { slot: head.last, chain: lastChain };
    const rows = chain && provenRows((at) => this.#row(at), { slot: first - 1, chain }, end, entries);
    if (!rows) return 'unproven';
    const index = first - head.base - 1;
    const life = { ...contents.life, batches: contents.life.batches + 1 };
    this.#sync({ ...contents, life, rows: contents.rows.toSpliced(index, rows.length, ...rows) }, false);
    this.#life = life;
    return 'repaired';
  }

  async readCheckpoint(): Promise<CheckpointReader | null> {
    const { identity, head, checkpoint, checkpointChain, archive } = this.#contents();
    if (checkpoint === null) return null;
    if (checkpoint === 'damaged') throw new SnapcommitError('LOG_CORRUPT', 'the checkpoint is damaged');
    const { cluster, incarnation, configuration } = identity;
    const header = {
      cluster,
      incarnation,
      configuration,
      slot: head.checkpoint,
      chain: checkpointChain.toString('hex'),
    };
    const chunks = chunked(encodeStream(header, checkpoint, archiveParts(archive)));
    return {
      slot: head.checkpoint,
      next: async () => chunks.next().value ?? null,
      close: async () => undefined,
    };
  }

  async install(): Promise<CheckpointInstaller> {
    const staged: { readonly chunks: Uint8Array[]; checked: StagedCheckpoint | null } = { chunks: [], checked: null };
    this.#staged = staged;
    return {
      write: async (chunk) => void staged.chunks.push(new Uint8Array(chunk)),
      check: async () => {
        staged.checked = checkedStream(Buffer.concat(staged.chunks), this.#contents().identity);
        return { ...staged.checked.header, state: staged.checked.state };
      },
      abort: async () => {
        this.#staged = null;
      },
    };
  }

  async close(): Promise<void> {
    // Nothing is held.
  }

  #contents(): Contents {
    if (this.#latched) throw new SnapcommitError('LOG_LATCHED', 'an earlier sync of the memory disk failed');
    return this.#disk.contents;
  }

  #sync(contents: Contents, grows: boolean): void {
    try {
      this.#disk.sync(contents, grows);
    } catch (error) {
      this.#latched = error instanceof SnapcommitError && error.code === 'OUTCOME_UNKNOWN';
      throw error;
    }
  }

  #row(at: number): StoredRow | undefined {
    const { rows, head } = this.#contents();
    return rows[at - head.base - 1];
  }

  #damagedAfter(after: Slot, chain: Buffer): Slot[] {
    const { head, lastChain } = this.#contents();
    return damagedSlots((at) => this.#row(at), { slot: after, chain }, { slot: head.last, chain: lastChain });
  }

  async #allDamaged(): Promise<Slot[]> {
    return this.#damagedAfter(this.#contents().head.base, this.#contents().baseChain);
  }
}

function busy(): SnapcommitError {
  return new SnapcommitError('BUSY', 'somebody else has written to the memory disk; nothing was written');
}

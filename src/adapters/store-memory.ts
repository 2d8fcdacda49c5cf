/** A log store in memory, for tests and simulation: durable means "handed over by a commit". */
import { assertInvariant, SnapcommitError } from '../errors.js';
import { NO_BALLOT } from '../paxos/ballot.js';
import { slot, type LogEntry, type Slot } from '../paxos/contiguous-log.js';
import type { Write } from '../paxos/effects.js';
import type {
  ArchivedRow,
  LogStore,
  StoreHead,
  StoreIdentity,
  StoreTransaction,
  StoreView,
} from '../ports/log-store.js';

interface Contents {
  readonly head: StoreHead;
  readonly rows: readonly LogEntry[];
  readonly checkpoint: Uint8Array | null;
  readonly archive: ReadonlyMap<string, ReadonlyMap<number, Uint8Array>>;
}

/** What a test wants the next commit to do. */
export type NextCommit = 'succeeds' | 'isFull' | 'failsToSync';

const none = slot(0);
const EMPTY: Contents = {
  head: {
    promised: NO_BALLOT,
    accepted: NO_BALLOT,
    abstains: null,
    decided: none,
    applied: none,
    base: none,
    last: none,
    checkpoint: none,
  },
  rows: [],
  checkpoint: null,
  archive: new Map(),
};

export class MemoryStore implements LogStore {
  readonly file = 'memory';
  nextCommit: NextCommit = 'succeeds';
  /** How many commits wrote something: what a sync is on a disk. */
  commits = 0;
  #identity: StoreIdentity;
  #contents = EMPTY;
  #latched = false;

  constructor(identity: StoreIdentity) {
    this.#identity = identity;
  }

  exclusively<T>(work: (transaction: StoreTransaction) => T): T {
    this.#refuseLatched();
    const transaction = new MemoryTransaction(this.#identity, this.#contents);
    const result = work(transaction);
    if (transaction.contents !== this.#contents) this.#commit(transaction);
    return result;
  }

  snapshot<T>(work: (view: StoreView) => T): T {
    this.#refuseLatched();
    return work(new MemoryTransaction(this.#identity, this.#contents));
  }

  scrub(): number {
    return this.snapshot((view) => view.entries(view.head.base).length);
  }

  close(): void {
    // Nothing is held.
  }

  #commit({ contents, identity }: MemoryTransaction): void {
    const outcome = this.nextCommit;
    this.nextCommit = 'succeeds';
    if (outcome === 'isFull') throw new SnapcommitError('STORE_FULL', 'the memory store was told to be full');
    if (outcome === 'failsToSync') {
      this.#latched = true;
      throw new SnapcommitError('OUTCOME_UNKNOWN', 'the memory store was told to fail a sync');
    }
    this.#contents = contents;
    this.#identity = identity;
    this.commits += 1;
  }

  #refuseLatched(): void {
    if (this.#latched) throw new SnapcommitError('LOG_LATCHED', 'an earlier sync of the memory store failed');
  }
}

class MemoryTransaction implements StoreTransaction {
  identity: StoreIdentity;
  contents: Contents;

  constructor(identity: StoreIdentity, contents: Contents) {
    this.identity = identity;
    this.contents = contents;
  }

  get head(): StoreHead {
    return this.contents.head;
  }

  entries(after: Slot): readonly LogEntry[] {
    assertInvariant(after >= this.head.base, 'I5', 'rows below the base were asked for');
    return this.contents.rows.slice(after - this.head.base);
  }

  checkpoint(): Uint8Array | null {
    return this.contents.checkpoint;
  }

  archived(group: string, generation: number): Uint8Array | undefined {
    return this.contents.archive.get(group)?.get(generation);
  }

  archivedOf(group: string): readonly ArchivedRow[] {
    const rows = [...(this.contents.archive.get(group) ?? [])].map(([generation, bytes]) => ({ generation, bytes }));
    return rows.sort((a, b) => a.generation - b.generation);
  }

  write(write: Write): void {
    const { head, rows } = this.contents;
    assertInvariant(
      write.first > head.base && write.first <= head.last + 1,
      'I5',
      `rows from ${String(write.first)} leave a hole`,
    );
    const { promised, accepted, abstains, decided, configuration } = write;
    this.identity = { ...this.identity, configuration };
    const last = slot(write.first - 1 + write.entries.length);
    const kept = rows.slice(0, write.first - 1 - head.base);
    this.#change({ rows: [...kept, ...write.entries] }, { promised, accepted, abstains, decided, last });
  }

  putArchived(group: string, generation: number, bytes: Uint8Array): void {
    const rows = new Map(this.contents.archive.get(group)).set(generation, bytes);
    this.#change({ archive: new Map(this.contents.archive).set(group, rows) }, {});
  }

  deleteArchived(group: string, generation: number): void {
    const rows = new Map(this.contents.archive.get(group));
    rows.delete(generation);
    this.#change({ archive: new Map(this.contents.archive).set(group, rows) }, {});
  }

  setApplied(applied: Slot): void {
    assertInvariant(applied <= this.head.decided, 'I3', `slot ${String(applied)} is applied and not decided`);
    this.#change({}, { applied });
  }

  writeCheckpoint(bytes: Uint8Array, keep: number): void {
    const { applied, base } = this.head;
    const newBase = slot(Math.max(base, applied - keep));
    this.#change({ checkpoint: bytes, rows: this.entries(newBase) }, { checkpoint: applied, base: newBase });
  }

  #change(contents: Partial<Contents>, head: Partial<StoreHead>): void {
    this.contents = { ...this.contents, ...contents, head: { ...this.contents.head, ...head } };
  }
}

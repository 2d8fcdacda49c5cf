/**
 * The host of a single replica inside a command's process: the store is locked for one operation at a time, never for a
 * whole command (T12), so every operation first catches up with what other processes have done.
 *
 * An append: lock the store, catch up, propose through the replica, persist and apply, sync; only then answer and take
 * over the new state. A read: one moment of the store, caught up with in memory; it takes no ballot and writes nothing.
 */
import { assertInvariant, InvariantError, SnapcommitError } from '../errors.js';
import type { Entry, Operation } from '../machine/entry.js';
import { countRuns, hasNumber } from '../machine/runs.js';
import type { GenerationRecord, GroupState, State } from '../machine/state.js';
import type { Clock } from '../ports/clock.js';
import type { LogStore, StoreView } from '../ports/log-store.js';
import type { AppendResult, LogIdentity, LogStatus, ReplicatedLog, RequestKey } from '../ports/log.js';
import { decodeGeneration, encodeEntry } from './codec.js';
import { commitBatch, writeCheckpoint } from './commit-batch.js';
import { ENTRY_BYTES_MAX, tooLargeReason } from './entry-bytes.js';
import { catchUp, readable, type Memory } from './memory.js';

/** At most this many entries share one transaction and its sync. */
const BATCH_LIMIT = 256;

interface Waiting {
  readonly bytes: Uint8Array;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

export class EmbeddedLog implements ReplicatedLog {
  readonly identity: LogIdentity;
  readonly #store: LogStore;
  readonly #clock: Clock;
  #memory: Memory;
  #queue: Waiting[] = [];
  /** Why this node serves no more: the log is damaged, or a law was broken. */
  #stopped: Error | null = null;

  constructor(store: LogStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    const opened = store.snapshot((view) => ({ memory: catchUp(view, null, store.file), identity: view.identity }));
    const { cluster, node, incarnation } = opened.identity;
    this.identity = { cluster, node, incarnation };
    this.#memory = opened.memory;
  }

  append(operation: Operation, request: RequestKey | null = null): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      const entry: Entry = { at: Math.floor(this.#clock.now()), request, append: null, operation };
      const bytes = encodeEntry(entry);
      if (bytes.length > ENTRY_BYTES_MAX) {
        resolve({ status: 'notDone', reason: tooLargeReason(bytes.length, ENTRY_BYTES_MAX) });
        return;
      }
      this.#queue.push({ bytes, resolve, reject });
      // Appends of one turn of the event loop share a sync.
      if (this.#queue.length === 1)
        queueMicrotask(() => {
          this.#flush();
        });
    });
  }

  read(): Promise<State> {
    return this.#answer(() => this.#viewing(() => this.#memory.state));
  }

  generation(group: string, generation: number): Promise<GenerationRecord | undefined> {
    return this.#answer(() =>
      this.#viewing((view) => {
        const known = this.#group(group);
        if (known === undefined || !hasNumber(known.live, generation)) return undefined;
        const bytes = view.archived(group, generation);
        if (bytes === undefined) throw this.#lost(`the record of ${group}@${String(generation)} is missing`);
        return this.#decode(bytes);
      }),
    );
  }

  generations(group: string): Promise<readonly GenerationRecord[]> {
    return this.#answer(() =>
      this.#viewing((view) => {
        const rows = view.archivedOf(group);
        const live = countRuns(this.#group(group)?.live ?? []);
        if (rows.length !== live)
          throw this.#lost(`${group} has ${String(live)} generations and ${String(rows.length)} records of them`);
        return rows.map((row) => this.#decode(row.bytes));
      }),
    );
  }

  status(): Promise<LogStatus> {
    return this.#answer(() =>
      this.#store.snapshot(({ head }) => ({
        engine: 'paxos',
        lastSlot: head.decided,
        checkpointSlot: head.checkpoint,
      })),
    );
  }

  checkpoint(): Promise<void> {
    return this.#answer(() => {
      this.#memory = this.#store.exclusively((transaction) => {
        const memory = catchUp(transaction, this.#memory, this.#store.file);
        if (memory.state.applied > transaction.head.checkpoint) writeCheckpoint(transaction, memory.state);
        return memory;
      });
    });
  }

  async scrub(): Promise<number> {
    const count = await this.#answer(() => this.#store.scrub());
    const { groups } = await this.read();
    for (const group of Object.keys(groups)) await this.generations(group);
    return count;
  }

  close(): void {
    this.#stopped ??= new SnapcommitError('UNAVAILABLE', `the log ${this.#store.file} is closed`);
    this.#store.close();
  }

  #flush(): void {
    const batch = this.#queue.slice(0, BATCH_LIMIT);
    this.#queue = this.#queue.slice(BATCH_LIMIT);
    if (this.#queue.length > 0)
      queueMicrotask(() => {
        this.#flush();
      });
    try {
      const { chosen } = this.#serving(() => this.#commit(batch.map((waiting) => waiting.bytes)));
      for (const [index, waiting] of batch.entries()) {
        const one = chosen[index];
        assertInvariant(one !== undefined, 'I9', 'an entry of a batch got no slot');
        waiting.resolve({ status: 'chosen', ...one });
      }
    } catch (error) {
      for (const waiting of batch) settleFailure(waiting, error);
    }
  }

  /** Memory follows the store only after the sync: when `exclusively` throws, both are as they were. */
  #commit(entries: readonly Uint8Array[]) {
    const batch = this.#store.exclusively((transaction) =>
      commitBatch(transaction, catchUp(transaction, this.#memory, this.#store.file), entries),
    );
    this.#memory = batch.memory;
    return batch;
  }

  /** Runs `work` over one moment of the store, with memory caught up to it. */
  #viewing<T>(work: (view: StoreView) => T): T {
    return this.#store.snapshot((view) => {
      this.#memory = catchUp(view, this.#memory, this.#store.file);
      return work(view);
    });
  }

  #answer<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => {
      resolve(this.#serving(work));
    });
  }

  /** Once the log is damaged or a law is broken, this node serves nothing more. */
  #serving<T>(work: () => T): T {
    if (this.#stopped !== null) throw this.#stopped;
    try {
      return work();
    } catch (error) {
      const ends =
        error instanceof InvariantError || (error instanceof SnapcommitError && error.code === 'LOG_CORRUPT');
      if (ends) this.#stopped = error;
      throw error;
    }
  }

  #group(name: string): GroupState | undefined {
    const { groups } = this.#memory.state;
    return Object.hasOwn(groups, name) ? groups[name] : undefined;
  }

  #decode(bytes: Uint8Array): GenerationRecord {
    return readable(() => decodeGeneration(bytes), this.#memory.replica.decided, this.#store.file);
  }

  #lost(what: string): SnapcommitError {
    const { file } = this.#store;
    return new SnapcommitError('LOG_CORRUPT', `the log is damaged: ${file}: ${what}. Nothing was changed`, {
      file,
      what,
    });
  }
}

/** The port's three answers: a failed sync leaves it open, a busy store did nothing, the rest is this node's trouble. */
function settleFailure(waiting: Waiting, error: unknown): void {
  const code = error instanceof SnapcommitError ? error.code : null;
  const reason = error instanceof Error ? error.message : String(error);
  if (code === 'OUTCOME_UNKNOWN') waiting.resolve({ status: 'unknown', reason });
  else if (code === 'BUSY') waiting.resolve({ status: 'notDone', reason });
  else waiting.reject(error);
}

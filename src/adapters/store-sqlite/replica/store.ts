/** The replica's store as the daemon sees it: every operation is a message to the worker, in order. */
import { Worker } from 'node:worker_threads';
import { programFile } from '../../../native/program-file.js';
import type { LogEntry, Slot } from '../../../paxos/contiguous-log.js';
import type { ArchivedRow } from '../../../ports/log-store.js';
import type {
  CheckpointInstaller,
  CheckpointReader,
  Loaded,
  ReplicaStore,
  ScrubReport,
  StoreBatch,
  StoreLife,
} from '../../../ports/replica-store.js';
import { BUSY_TIMEOUT_MS } from '../open.js';
import type { EngineOptions } from './engine.js';
import { workerGone } from './failures.js';
import { errorOf, type Answer, type Arguments, type Operation, type Response } from './protocol.js';
import { scrubAll } from './scrub.js';

const WORKER = programFile('adapters/store-sqlite/replica/worker-main.js');
const BALLAST_BYTES = 4 << 20;

interface Waiting {
  readonly operation: Operation | 'open';
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Opens the store that `init` made, and counts a start of it.
 * @throws as openStore; LOG_CORRUPT where what this member voted for is lost, and it has to be replaced.
 */
export async function openReplicaStore(
  file: string,
  { busyTimeoutMs = BUSY_TIMEOUT_MS, ballastBytes = BALLAST_BYTES }: Partial<Omit<EngineOptions, 'file'>> = {},
): Promise<ReplicaStore> {
  const store = new WorkerReplicaStore({ file, busyTimeoutMs, ballastBytes });
  await store.opened;
  return store;
}

class WorkerReplicaStore implements ReplicaStore {
  readonly file: string;
  readonly opened: Promise<unknown>;
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;
  #refusalsKnown = 0;
  #gone: { readonly cause: unknown } | null = null;

  constructor(options: EngineOptions) {
    this.file = options.file;
    this.#worker = new Worker(WORKER, { workerData: options });
    this.#worker.on('message', (response: Response) => {
      this.#settle(response);
    });
    this.#worker.on('error', (error) => {
      this.#end(error);
    });
    this.#worker.on('exit', () => {
      this.#end(undefined);
    });
    this.opened = new Promise((resolve, reject) => this.#waiting.set(0, { operation: 'open', resolve, reject }));
  }

  load(): Promise<Loaded> {
    return this.#ask('load');
  }

  persist(batch: StoreBatch): Promise<StoreLife> {
    return this.#ask('persist', ownCopy(batch));
  }

  read(after: Slot, maxBytes: number): Promise<readonly LogEntry[]> {
    return this.#ask('read', after, maxBytes);
  }

  archived(group: string, generation: number): Promise<Uint8Array | undefined> {
    return this.#ask('archived', group, generation);
  }

  archivedOf(group: string): Promise<readonly ArchivedRow[]> {
    return this.#ask('archivedOf', group);
  }

  scrub(rest?: () => Promise<void>): Promise<ScrubReport> {
    return scrubAll(
      (cursor) => this.#ask('scrubSlice', cursor),
      () => this.#ask('damagedRows'),
      rest,
    );
  }

  repair(first: Slot, entries: readonly LogEntry[]): Promise<'repaired' | 'unproven'> {
    return this.#ask('repair', first, entries.map(ownEntry));
  }

  async readCheckpoint(): Promise<CheckpointReader | null> {
    const sending = await this.#ask('openSending');
    if (sending === null) return null;
    const { id, slot } = sending;
    return { slot, next: () => this.#ask('nextChunk', id), close: () => this.#ask('closeSending', id) };
  }

  async install(): Promise<CheckpointInstaller> {
    await this.#ask('beginInstall');
    return {
      write: (chunk) => this.#ask('writeInstall', new Uint8Array(chunk)),
      check: () => this.#ask('checkInstall'),
      abort: () => this.#ask('abortInstall'),
    };
  }

  async close(): Promise<void> {
    if (this.#gone !== null) return;
    const ended = new Promise((resolve) => this.#worker.once('exit', resolve));
    await this.#ask('close');
    await ended;
  }

  #ask<K extends Operation>(operation: K, ...args: Arguments<K>): Promise<Answer<K>> {
    if (this.#gone !== null) return Promise.reject(workerGone(this.file, false, this.#gone.cause));
    this.#sent += 1;
    const id = this.#sent;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { operation, resolve, reject }));
    this.#worker.postMessage({ id, operation, args, refusalsKnown: this.#refusalsKnown });
    // The answer to an operation has the type that protocol.ts gives it.
    return answered as Promise<Answer<K>>;
  }

  #settle(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if (response.ok) {
      waiting?.resolve(response.value);
      return;
    }
    this.#refusalsKnown = response.refusals;
    waiting?.reject(errorOf(response.failure));
  }

  #end(cause: unknown): void {
    this.#gone ??= { cause };
    for (const { operation, reject } of this.#waiting.values())
      reject(workerGone(this.file, operation === 'persist' || operation === 'repair', cause));
    this.#waiting.clear();
  }
}

/** Bytes may be a view into something far larger, all of which a message would carry. */
function ownCopy(batch: StoreBatch): StoreBatch {
  return {
    ...batch,
    ...(batch.writes && { writes: batch.writes.map((write) => ({ ...write, entries: write.entries.map(ownEntry) })) }),
    ...(batch.archive && {
      archive: batch.archive.map((one) => (one.kind === 'put' ? { ...one, bytes: new Uint8Array(one.bytes) } : one)),
    }),
    ...(batch.checkpoint && { checkpoint: { ...batch.checkpoint, bytes: new Uint8Array(batch.checkpoint.bytes) } }),
  };
}

function ownEntry(entry: LogEntry): LogEntry {
  return { ...entry, bytes: new Uint8Array(entry.bytes) };
}

/** The replica's store as the daemon sees it: every operation is a message to the worker, in order. */
import { Worker } from 'node:worker_threads';
import { assertInvariant } from '../../../errors.js';
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
import { BatchPacker } from './packing.js';
import {
  errorOf,
  type Answer,
  type Arguments,
  type Operation,
  type PersistRequest,
  type Request,
  type Response,
} from './protocol.js';
import { scrubAll } from './scrub.js';

const WORKER = programFile('adapters/store-sqlite/replica/worker-main.js');
const BALLAST_BYTES = 4 << 20;
/**
 * Next to nothing of a batch outlives it. V8 would spread what batches leave behind over 32 MiB before it uses a piece again,
 * which by then has left the processor's cache.
 */
const YOUNG_MB = 3;

interface Waiting {
  readonly operation: Operation | 'open' | 'persist';
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
  readonly opened: Promise<void>;
  readonly #worker: Worker;
  readonly #packer = new BatchPacker();
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;
  #refusalsKnown = 0;
  /** As the worker told it last; null: not open yet. */
  #life: StoreLife | null = null;
  #gone: { readonly cause: unknown } | null = null;

  constructor(options: EngineOptions) {
    this.file = options.file;
    const resourceLimits = { maxYoungGenerationSizeMb: YOUNG_MB };
    this.#worker = new Worker(WORKER, { workerData: options, resourceLimits });
    this.#worker.on('message', (response: Response) => {
      this.#settle(response);
    });
    this.#worker.on('error', (error) => {
      this.#end(error);
    });
    this.#worker.on('exit', () => {
      this.#end(undefined);
    });
    this.opened = this.#answered<StoreLife>(0, 'open').then((life) => {
      this.#life = life;
    });
  }

  load(): Promise<Loaded> {
    return this.#ask('load');
  }

  persist(batch: StoreBatch): Promise<StoreLife> {
    if (this.#gone !== null) return Promise.reject(workerGone(this.file, false, this.#gone.cause));
    const { packed, moved } = this.#packer.pack(batch);
    this.#sent += 1;
    const request: PersistRequest = [this.#sent, this.#refusalsKnown, packed];
    this.#worker.postMessage(request, moved);
    return this.#answered(this.#sent, 'persist');
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
    const request: Request<K> = { id: this.#sent, operation, args };
    this.#worker.postMessage(request);
    return this.#answered(this.#sent, operation);
  }

  #answered<T>(id: number, operation: Waiting['operation']): Promise<T> {
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { operation, resolve, reject }));
    // The answer to an operation has the type that protocol.ts gives it.
    return answered as Promise<T>;
  }

  #settle(response: Response): void {
    const id = 'id' in response ? response.id : response[0];
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!('id' in response)) waiting?.resolve(this.#lived(response[1]));
    else if (response.ok) waiting?.resolve(response.value);
    else {
      this.#refusalsKnown = response.refusals;
      waiting?.reject(errorOf(response.failure));
    }
  }

  /** Of a store's life, a batch changes their number only. */
  #lived(batches: number): StoreLife {
    assertInvariant(this.#life !== null, 'D9', 'a batch was written before the store was open');
    this.#life = { ...this.#life, batches };
    return this.#life;
  }

  #end(cause: unknown): void {
    this.#gone ??= { cause };
    for (const { operation, reject } of this.#waiting.values())
      reject(workerGone(this.file, operation === 'persist' || operation === 'repair', cause));
    this.#waiting.clear();
  }
}

/** Bytes may be a view into something far larger, all of which a message would carry. */
function ownEntry(entry: LogEntry): LogEntry {
  return { ...entry, bytes: new Uint8Array(entry.bytes) };
}

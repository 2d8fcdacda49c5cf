/**
 * A process's store on a simulated disk: the memory form, with time. A batch is durable some ms after it was handed over;
 * what is on its way when the process dies is lost, or is durable without anybody having been told.
 */
import type { ArchivedRow } from '#src/ports/log-store.js';
import type {
  CheckpointInstaller,
  CheckpointReader,
  Loaded,
  ReplicaStore,
  ScrubReport,
  StoreBatch,
  StoreLife,
} from '#src/ports/replica-store.js';
import type { LogEntry, Slot } from '#src/paxos/contiguous-log.js';

interface InFlight {
  readonly batch: StoreBatch;
  readonly resolve: (life: StoreLife) => void;
  readonly reject: (error: unknown) => void;
}

export interface SimStoreUser {
  /** How long this batch takes. */
  latencyMs(): number;
  /** Nothing comes back now. */
  hangs(): boolean;
  /** On the disk, whatever the process does. */
  after(ms: number, work: () => void): void;
  /** In the process, if it lives. */
  tell(work: () => void): void;
}

/** How often a disk that hangs is looked at again. */
const HANGING_MS = 100;

export class SimStore implements ReplicaStore {
  readonly file: string;
  readonly #inner: ReplicaStore;
  readonly #user: SimStoreUser;
  readonly #queue: InFlight[] = [];
  /** Batches that were handed over, and that have ended. */
  #handed = 0;
  #ended = 0;
  readonly #loads: { readonly behind: number; readonly resolve: () => void }[] = [];
  #busy = false;
  #dead = false;

  constructor(inner: ReplicaStore, file: string, user: SimStoreUser) {
    this.#inner = inner;
    this.file = file;
    this.#user = user;
  }

  /** In its turn, as a worker does it: behind every batch that was handed over before. */
  async load(): Promise<Loaded> {
    if (this.#queue.length > 0)
      await new Promise<void>((resolve) => this.#loads.push({ behind: this.#handed, resolve }));
    return this.#inner.load();
  }

  persist(batch: StoreBatch): Promise<StoreLife> {
    return new Promise((resolve, reject) => {
      this.#handed += 1;
      this.#queue.push({ batch, resolve, reject });
      this.#work();
    });
  }

  /** The process dies: the first `done` batches that are on their way become durable, the others are lost. */
  async die(done: number): Promise<void> {
    this.#dead = true;
    for (const { batch } of this.#queue.splice(0, done)) {
      try {
        await this.#inner.persist(batch);
      } catch {
        return;
      }
    }
  }

  get inFlight(): number {
    return this.#queue.length;
  }

  read(after: Slot, maxBytes: number): Promise<readonly LogEntry[]> {
    return this.#inner.read(after, maxBytes);
  }

  archived(group: string, generation: number): Promise<Uint8Array | undefined> {
    return this.#inner.archived(group, generation);
  }

  archivedOf(group: string): Promise<readonly ArchivedRow[]> {
    return this.#inner.archivedOf(group);
  }

  scrub(rest?: () => Promise<void>): Promise<ScrubReport> {
    return this.#inner.scrub(rest);
  }

  repair(first: Slot, entries: readonly LogEntry[]): Promise<'repaired' | 'unproven'> {
    return this.#inner.repair(first, entries);
  }

  readCheckpoint(): Promise<CheckpointReader | null> {
    return this.#inner.readCheckpoint();
  }

  install(): Promise<CheckpointInstaller> {
    return this.#inner.install();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #work(): void {
    const [next] = this.#queue;
    if (this.#busy || next === undefined) return;
    this.#busy = true;
    this.#write(next);
  }

  #write(next: InFlight): void {
    this.#user.after(this.#user.latencyMs(), () => {
      if (this.#dead) return;
      if (this.#user.hangs()) {
        this.#user.after(HANGING_MS, () => {
          this.#write(next);
        });
        return;
      }
      const settle = (work: () => void) => {
        this.#busy = false;
        this.#queue.shift();
        this.#ended += 1;
        this.#user.tell(work);
        while ((this.#loads[0]?.behind ?? Infinity) <= this.#ended) {
          const load = this.#loads.shift();
          this.#user.tell(() => load?.resolve());
        }
        this.#work();
      };
      this.#inner.persist(next.batch).then(
        (life) => {
          settle(() => {
            next.resolve(life);
          });
        },
        (error: unknown) => {
          settle(() => {
            next.reject(error);
          });
        },
      );
    });
  }
}

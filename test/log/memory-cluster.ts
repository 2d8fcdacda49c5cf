/** Three hosts over disks in memory, joined by queues, whose disks can be made to hang. */
import type { Test } from 'tap';
import { systemTimers } from '#src/adapters/timers-system.js';
import type { HostSettings } from '#src/log/host-settings.js';
import { openReplica, type ReplicaHost } from '#src/log/replica-host.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { ReplicaEvent } from '#src/ports/cluster-log.js';
import type { ReplicaStore, StoreBatch, StoreLife } from '#src/ports/replica-store.js';
import type { Timers } from '#src/ports/timers.js';
import { MemoryDisk } from '../support/memory-replica-store.js';

const NAMES = ['a', 'b', 'c'];

/** A store whose batches, or those that install a peer's checkpoint, are held back while `hangs` is set. */
export class HangingStore {
  hangs: boolean | 'at installs' = false;
  readonly #held: (() => void)[] = [];
  readonly store: ReplicaStore;

  constructor(inner: ReplicaStore) {
    const persist = async (batch: StoreBatch): Promise<StoreLife> => {
      const installs = batch.writes?.some(({ install }) => install !== null) === true;
      if (this.hangs === true || (this.hangs && installs))
        await new Promise<void>((resolve) => this.#held.push(resolve));
      return inner.persist(batch);
    };
    this.store = new Proxy(inner, {
      get: (target, name) => {
        if (name === 'persist') return persist;
        const value: unknown = Reflect.get(target, name);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  }

  get holds(): boolean {
    return this.#held.length > 0;
  }

  release(): void {
    this.hangs = false;
    this.letThrough();
  }

  /** What came by now is written; what comes after it is held back as before. */
  letThrough(): void {
    for (const resume of this.#held.splice(0)) resume();
  }
}

/** What takes longer is a limit and no period. */
const LIMIT_MS = 1000;

/** Timers that can be made to stand still: then no tick notices a disk that hangs, and nothing is asked again. */
class StoppableTimers implements Timers {
  areStill = false;

  after(milliseconds: number, act: () => void): () => void {
    return systemTimers.after(milliseconds, () => {
      if (!this.areStill || milliseconds >= LIMIT_MS) act();
    });
  }
}

export interface MemoryNode {
  /** Nothing reaches it. */
  isDeaf: boolean;
  readonly host: ReplicaHost;
  readonly store: HangingStore;
  readonly disk: MemoryDisk;
  readonly events: ReplicaEvent[];
  readonly timers: StoppableTimers;
}

export async function memoryCluster(
  t: Test,
  settings: Partial<HostSettings> = {},
): Promise<ReadonlyMap<string, MemoryNode>> {
  const configuration = { id: 1, voters: NAMES.map(nodeId), learners: [], after: slot(0) };
  const nodes = new Map<string, MemoryNode>();
  for (const node of NAMES) {
    const identity = { cluster: 'test', node, incarnation: 1, configuration, mode: 'cluster' as const };
    const disk = new MemoryDisk(identity, node);
    const store = new HangingStore(await disk.open(`${node}1`));
    const events: ReplicaEvent[] = [];
    const timers = new StoppableTimers();
    const host = await openReplica(
      {
        store: store.store,
        send: (to, message) => {
          setImmediate(() => {
            const peer = nodes.get(to);
            if (peer?.isDeaf === false) peer.host.receive(node, message);
          });
        },
        timers,
        clock: { now: () => Date.now(), monotonic: () => performance.now() },
        onEvent: (event) => events.push(event),
      },
      { tickMs: 10, appendTimeoutMs: 60_000, endTimeoutMs: 50, ...settings },
    );
    nodes.set(node, { isDeaf: false, host, store, disk, events, timers });
  }
  // A host's timers keep no process alive, and here is no store's thread that does.
  const alive = setInterval(() => undefined, 1000);
  t.teardown(async () => {
    clearInterval(alive);
    for (const { host, store, timers } of nodes.values()) {
      timers.areStill = false;
      store.release();
      await host.end();
    }
  });
  return nodes;
}

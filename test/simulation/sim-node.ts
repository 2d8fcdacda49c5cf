/** One machine of a world: a disk that stays, and a process that comes and goes. */
import type { HostSettings, ReplicaHostPorts } from '#src/log/host-settings.js';
import { openReplica, type ReplicaHost } from '#src/log/replica-host.js';
import { SnapcommitError } from '#src/errors.js';
import type { ReplicaStore } from '#src/ports/replica-store.js';
import type { MemoryDisk } from '../support/memory-replica-store.js';
import { Dice, seedFor } from './random.js';
import type { Scheduler } from './scheduler.js';
import { SimStore } from './sim-store.js';

/** A process; whatever it was to do after its end is never done. */
export class Process {
  alive = true;
  paused = false;
  host: ReplicaHost | null = null;
  store: SimStore | null = null;
  readonly #held: (() => void)[] = [];

  run(work: () => void): void {
    if (!this.alive) return;
    if (this.paused) this.#held.push(work);
    else work();
  }

  resume(): void {
    this.paused = false;
    // It may have been killed while it was paused.
    for (let work = this.#held.shift(); work !== undefined; work = this.#held.shift()) if (this.alive) work();
  }
}

export interface SimNodeUser {
  readonly seed: number;
  readonly scheduler: Scheduler;
  readonly settings: Partial<HostSettings>;
  send(from: string, to: string, bytes: Uint8Array): void;
  hooks(node: SimNode): Pick<ReplicaHostPorts, 'onEvent' | 'onApplied' | 'metrics'>;
  /** What must never happen happened in code of ours. */
  broke(error: unknown): void;
}

export class SimNode {
  readonly name: string;
  disk: MemoryDisk;
  process: Process | null = null;
  slow = false;
  /** The disk takes what it is given, and nothing comes back. */
  hangs = false;
  /** Added to the wall clock. */
  clockMs = 0;
  starts = 0;
  /** Its machine is taken away: nothing starts there again. */
  isGone = false;
  /** Whose messages it sends and gets. */
  readonly speaksAs: string;
  readonly ratePerMille: number;
  readonly #user: SimNodeUser;
  readonly #dice: Dice;

  constructor(name: string, disk: MemoryDisk, ratePerMille: number, user: SimNodeUser, speaksAs = name) {
    this.name = name;
    this.speaksAs = speaksAs;
    this.disk = disk;
    this.ratePerMille = ratePerMille;
    this.#user = user;
    this.#dice = new Dice(seedFor(user.seed, 'node', name));
  }

  get host(): ReplicaHost | null {
    return this.process?.host ?? null;
  }

  async start(): Promise<void> {
    if (this.process !== null || this.isGone) return;
    const { scheduler, settings } = this.#user;
    const running = new Process();
    this.process = running;
    this.starts += 1;
    const inner = await this.#open();
    if (inner === null) return;
    const store = new SimStore(inner, `/${this.name}/log`, {
      latencyMs: () => (this.slow ? this.#dice.between(20, 200) : this.#dice.between(1, 4)),
      hangs: () => this.hangs,
      after: (ms, work) => void scheduler.after(ms, work),
      tell: (work) => {
        running.run(work);
      },
    });
    running.store = store;
    const host = await openReplica(
      {
        store,
        send: (to, bytes) => {
          if (running.alive) this.#user.send(this.speaksAs, to, bytes);
        },
        timers: {
          after: (ms, work) =>
            scheduler.after((ms * 1000) / this.ratePerMille, () => {
              running.run(work);
            }),
        },
        clock: { now: () => 1_700_000_000_000 + scheduler.now + this.clockMs, monotonic: () => scheduler.now },
        ...this.#user.hooks(this),
      },
      settings,
    );
    if (running.alive) running.host = host;
  }

  /** A start is a sync, too, and can fail like any: it is tried again. */
  async #open(): Promise<ReplicaStore | null> {
    try {
      return await this.disk.open(`${this.name}${String(this.starts)}`);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      this.process = null;
      this.#user.scheduler.after(100, () => {
        this.start().catch((problem: unknown) => {
          this.#user.broke(problem);
        });
      });
      return null;
    }
  }

  deliver(from: string, bytes: Uint8Array): void {
    const running = this.process;
    running?.run(() => {
      running.host?.receive(from, bytes);
    });
  }

  /** SIGKILL, or a power failure. */
  async kill(): Promise<void> {
    const running = this.process;
    if (running === null) return;
    this.process = null;
    running.alive = false;
    const { store } = running;
    if (store !== null) await store.die(this.#dice.below(store.inFlight + 1));
  }
}

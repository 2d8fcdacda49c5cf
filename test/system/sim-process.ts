/**
 * A process of a simulated machine. Everything that it asks of its machine is an effect: it takes time, the world looks on
 * before and after it, and a process that has ended, or stands still, is never told what came of it.
 */
import type { ProcessIdentity } from '#src/machine/entry.js';
import { Process } from '../simulation/sim-node.js';
import type { Scheduler } from '../simulation/scheduler.js';

export type Moment = 'before' | 'after';

/** What the world does at an effect's boundary: nothing, mostly. */
export interface Boundaries {
  readonly scheduler: Scheduler;
  /** How long this effect takes on that machine, ms. */
  latencyMs(process: SimProcess, what: string): number;
  reached(process: SimProcess, what: string, moment: Moment): void;
}

export class SimProcess {
  readonly identity: ProcessIdentity;
  readonly name: string;
  /** Shared with the replica's host where this is the daemon. */
  readonly running: Process;
  readonly #boundaries: Boundaries;
  #effects = 0;

  constructor(name: string, identity: ProcessIdentity, boundaries: Boundaries, running = new Process()) {
    this.name = name;
    this.identity = identity;
    this.#boundaries = boundaries;
    this.running = running;
  }

  get isAlive(): boolean {
    return this.running.alive;
  }

  /** Numbered in this process, from 1. */
  get effects(): number {
    return this.#effects;
  }

  /** Does `act` on the machine, once, if the process still runs by then; never answers a process that does not. */
  call<T>(what: string, act: () => T | Promise<T>): Promise<T> {
    const { scheduler } = this.#boundaries;
    const half = this.#boundaries.latencyMs(this, what) / 2;
    return new Promise((resolve, reject) => {
      const answer = (settle: () => void): void => {
        this.#boundaries.reached(this, what, 'after');
        scheduler.after(half, () => {
          this.running.run(settle);
        });
      };
      const begin = (): void => {
        this.#effects += 1;
        this.#boundaries.reached(this, what, 'before');
        this.running.run(() => {
          Promise.resolve()
            .then(act)
            .then(
              (value) => {
                answer(() => {
                  resolve(value);
                });
              },
              (error: unknown) => {
                answer(() => {
                  // What a port rejects with is its own affair.
                  // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- it is handed on as it came
                  reject(error);
                });
              },
            );
        });
      };
      scheduler.after(half, () => {
        this.running.run(begin);
      });
    });
  }

  /** Runs `act` in the process after a while, as a timer of its own. */
  after(ms: number, act: () => void): () => void {
    return this.#boundaries.scheduler.after(ms, () => {
      this.running.run(act);
    });
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(ms, resolve);
    });
  }

  /** A port whose every call that answers a promise is an effect of this process. */
  asEffects<T extends object>(name: string, port: T): T {
    return new Proxy(port, {
      get: (target, key): unknown => {
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== 'function' || typeof key !== 'string' || SYNCHRONOUS.has(key)) return value;
        return (...given: unknown[]) =>
          this.call(`${name}.${key}`, () => Reflect.apply(value, target, given) as unknown);
      },
    });
  }
}

/** Calls of ports that answer at once and change nothing. */
const SYNCHRONOUS = new Set(['path']);

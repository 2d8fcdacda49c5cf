/**
 * The freezer of a simulated machine, with the guard of each freeze: what is frozen thaws at the limit, and when the process
 * that froze it ends, whatever anybody else does.
 */
import { SnapcommitError } from '#src/errors.js';
import type { ArmedFreeze, Freeze, FreezeIntent, FreezeTarget, Thawed, Writers } from '#src/ports/writers.js';
import type { Scheduler } from '../simulation/scheduler.js';
import type { SimProcess } from './sim-process.js';

/** How soon a guard acts on what it sees. */
const GUARD_MS = 2;
/** Between asking a cgroup to freeze and its standing still. */
const STANDSTILL_MS = 1;

interface Cgroup {
  frozenBy: Guarded | null;
  frozenAt: number;
  /** Its processes never stand still. */
  isStuck: boolean;
}

interface Guarded {
  readonly intent: FreezeIntent;
  readonly owner: SimProcess;
  readonly limitMs: number;
  readonly boot: number;
  /** Why its guard has thawed. */
  lapsed: string | null;
  over: boolean;
}

export class Freezer {
  readonly #cgroups = new Map<string, Cgroup>();
  readonly #guarded = new Set<Guarded>();
  readonly #scheduler: Scheduler;
  /** Called when something runs again. */
  readonly #onThaw: () => void;
  #ids = 0;
  #boot = 0;

  constructor(scheduler: Scheduler, onThaw: () => void) {
    this.#scheduler = scheduler;
    this.#onThaw = onThaw;
  }

  addCgroup(path: string): void {
    this.#cgroups.set(path, { frozenBy: null, frozenAt: 0, isStuck: false });
  }

  setStuck(path: string, isStuck: boolean): void {
    this.#cgroup(path).isStuck = isStuck;
  }

  /** Whether its processes stand still now. */
  isStill(path: string): boolean {
    const { frozenBy, isStuck } = this.#cgroup(path);
    return frozenBy !== null && !isStuck;
  }

  /** Cgroups that are asked to stand still, with how long they have been and how long they may. */
  frozen(): readonly { readonly cgroup: string; readonly forMs: number; readonly limitMs: number }[] {
    return [...this.#cgroups].flatMap(([cgroup, { frozenBy, frozenAt }]) =>
      frozenBy === null
        ? []
        : [{ cgroup, forMs: this.#scheduler.now - frozenAt, limitMs: frozenBy.limitMs + 2 * GUARD_MS }],
    );
  }

  intents(): readonly FreezeIntent[] {
    return [...this.#guarded].map(({ intent }) => intent);
  }

  ended(process: SimProcess): void {
    this.#scheduler.after(GUARD_MS, () => {
      for (const guarded of this.#guarded) {
        if (guarded.owner !== process || guarded.boot !== this.#boot) continue;
        this.#thaw(guarded);
        this.#guarded.delete(guarded);
      }
    });
  }

  /** Nothing is frozen after a start, and no guard runs; the intents lie on the disk. */
  powerLost(): void {
    this.#boot += 1;
    for (const cgroup of this.#cgroups.values()) cgroup.frozenBy = null;
    this.#onThaw();
  }

  writersOf(process: SimProcess): Writers {
    return {
      resolve: (cgroups, units) => process.call('freezer.resolve', () => this.#resolve(cgroups, units)),
      arm: async (transaction, targets, limitMs) => {
        const guarded = await process.call('freezer.arm', () => this.#arm(process, transaction, targets, limitMs));
        return this.#armed(process, guarded);
      },
      intents: () => process.call('freezer.intents', () => this.intents()),
      thawAll: (all) => process.call('freezer.thawAll', () => this.#thawAll(all)),
    };
  }

  #armed(process: SimProcess, guarded: Guarded): ArmedFreeze {
    return {
      freeze: () => this.#freeze(process, guarded),
      disarm: () =>
        process.call('freezer.disarm', () => {
          this.#end(guarded);
        }),
    };
  }

  async #freeze(process: SimProcess, guarded: Guarded): Promise<Freeze> {
    const { intent, limitMs } = guarded;
    const startedAt = await process.call('freezer.start', () => {
      this.#refuseFrozen(guarded);
      this.#scheduler.after(limitMs, () => {
        if (!guarded.over && guarded.boot === this.#boot)
          this.#lapse(guarded, `the limit of ${String(limitMs)} ms passed`);
      });
      return this.#scheduler.now;
    });
    for (const cgroup of intent.cgroups)
      await process.call('freezer.request', () => {
        if (guarded.lapsed === null) this.#request(cgroup, guarded);
      });
    for (;;) {
      await process.sleep(STANDSTILL_MS);
      const { lapsed } = guarded;
      if (lapsed !== null)
        await process.call('freezer.fail', () => {
          this.#end(guarded);
          throw this.#failed(guarded, lapsed);
        });
      if (!intent.cgroups.some((cgroup) => this.#cgroup(cgroup).isStuck)) break;
    }
    let released: ReturnType<Freeze['release']> | null = null;
    const release: Freeze['release'] = () =>
      process.call('freezer.release', () => {
        const { lapsed } = guarded;
        this.#end(guarded);
        return { unbroken: lapsed === null, reason: lapsed, stallMs: this.#scheduler.now - startedAt };
      });
    return { frozen: intent.cgroups, release: () => (released ??= release()) };
  }

  #resolve(cgroups: readonly string[], units: readonly string[]): readonly FreezeTarget[] {
    return [...cgroups, ...units.map((unit) => `/system.slice/${unit}`)].map((cgroup) => {
      if (!this.#cgroups.has(cgroup))
        throw new SnapcommitError('CGROUP_INVALID', `there is no cgroup ${cgroup}`, { cgroup });
      return { cgroup, declared: cgroup };
    });
  }

  #arm(owner: SimProcess, transaction: string, targets: readonly FreezeTarget[], limitMs: number): Guarded {
    const cgroups = targets.map(({ cgroup }) => cgroup);
    const intent = { id: `${transaction}-${String((this.#ids += 1))}`, transaction, cgroups, pid: owner.identity.pid };
    const guarded: Guarded = { intent, owner, limitMs, boot: this.#boot, lapsed: null, over: false };
    this.#guarded.add(guarded);
    return guarded;
  }

  #refuseFrozen(guarded: Guarded): void {
    const taken = guarded.intent.cgroups.filter((cgroup) => this.#cgroup(cgroup).frozenBy !== null);
    if (taken.length === 0) return;
    this.#end(guarded);
    const message = `nothing was frozen: ${taken.join(', ')} is frozen already, not by this commit`;
    throw new SnapcommitError('FREEZE_FAILED', message, { cgroups: taken });
  }

  #request(path: string, guarded: Guarded): void {
    const cgroup = this.#cgroup(path);
    cgroup.frozenBy = guarded;
    cgroup.frozenAt = this.#scheduler.now;
  }

  #failed({ intent }: Guarded, reason: string): SnapcommitError {
    const message = `the writers could not be paused: ${reason}; everything runs again`;
    return new SnapcommitError('FREEZE_FAILED', message, { cgroups: intent.cgroups, reason });
  }

  #lapse(guarded: Guarded, reason: string): void {
    const { cgroups } = guarded.intent;
    const moving = cgroups.filter((cgroup) => this.#cgroup(cgroup).isStuck);
    guarded.lapsed =
      moving.length === 0
        ? reason
        : `not everything stood still within ${String(guarded.limitMs)} ms: ${moving.join(', ')}`;
    this.#thaw(guarded);
  }

  #end(guarded: Guarded): void {
    guarded.over = true;
    this.#thaw(guarded);
    this.#guarded.delete(guarded);
  }

  #thaw(guarded: Guarded): void {
    for (const cgroup of this.#cgroups.values()) if (cgroup.frozenBy === guarded) cgroup.frozenBy = null;
    this.#onThaw();
  }

  #thawAll(all: boolean): readonly Thawed[] {
    return [...this.#guarded]
      .filter(({ owner, boot }) => all || !owner.isAlive || boot !== this.#boot)
      .flatMap((guarded) => {
        const thawed = guarded.intent.cgroups.map((cgroup): Thawed => {
          const result = this.#cgroup(cgroup).frozenBy === guarded ? 'thawed' : 'notFrozen';
          return { cgroup, result, reason: null };
        });
        guarded.lapsed ??= 'somebody thawed them';
        this.#end(guarded);
        return thawed;
      });
  }

  #cgroup(path: string): Cgroup {
    const found = this.#cgroups.get(path);
    if (found === undefined) throw new Error(`there is no cgroup ${path}`);
    return found;
  }
}

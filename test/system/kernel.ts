/** What the kernel of a simulated machine keeps for its processes: their numbers, and locks that end with their holder. */
import { SnapcommitError } from '#src/errors.js';
import type { HeldLock, KernelLocks, LockHolder } from '#src/ports/locks.js';
import type { SimProcess } from './sim-process.js';

type Mode = 'shared' | 'exclusive';

interface Held {
  readonly process: SimProcess;
  readonly mode: Mode;
}

const POLL_MS = 5;

export class Kernel {
  readonly #locks = new Map<string, Set<Held>>();
  readonly #endProcess: (process: SimProcess) => void;
  #pids = 1000;

  constructor(endProcess: (process: SimProcess) => void) {
    this.#endProcess = endProcess;
  }

  nextPid(): number {
    return (this.#pids += 1);
  }

  /** Every lock that somebody holds. */
  heldNames(): readonly string[] {
    return [...this.#locks].filter(([, held]) => held.size > 0).map(([name]) => name);
  }

  ended(process: SimProcess): void {
    for (const held of this.#locks.values())
      for (const lock of [...held]) if (lock.process === process) held.delete(lock);
  }

  locksOf(process: SimProcess): KernelLocks {
    return {
      tryAcquire: (name, mode) => this.#tryAcquire(process, name, mode),
      acquire: async (name, mode, waitMs, signal) => {
        for (let waited = 0; ; waited += POLL_MS) {
          if (signal?.aborted === true)
            throw new SnapcommitError('INTERRUPTED', `interrupted while waiting for ${name}`);
          const lock = this.#tryAcquire(process, name, mode);
          if (lock !== null) return lock;
          if (waited >= waitMs) throw this.#busy(name, `not free after ${String(waitMs)} ms`);
          await process.sleep(POLL_MS);
        }
      },
      // A lock's file means nothing here: only who holds it.
      forget: () => undefined,
      holders: (name) => this.#holders(name),
      endHolders: async (name, waitMs) => {
        for (let waited = 0; ; waited += POLL_MS) {
          const holders = [...(this.#locks.get(name) ?? [])];
          if (holders.length === 0) return;
          const others = holders.filter((held) => held.process !== process);
          if (others.length === 0) throw this.#busy(name, 'held by this very process');
          for (const held of others) this.#endProcess(held.process);
          if (waited >= waitMs) throw this.#busy(name, `its holder did not end within ${String(waitMs)} ms`);
          await process.sleep(POLL_MS);
        }
      },
    };
  }

  #tryAcquire(process: SimProcess, name: string, mode: Mode): HeldLock | null {
    if (!process.isAlive) return null;
    const held = this.#locks.get(name) ?? new Set<Held>();
    this.#locks.set(name, held);
    if ([...held].some((other) => mode === 'exclusive' || other.mode === 'exclusive')) return null;
    const lock: Held = { process, mode };
    held.add(lock);
    return {
      fd: -1,
      release: () => {
        // What a dead process would have done is not done.
        if (process.isAlive) held.delete(lock);
      },
    };
  }

  #holders(name: string): readonly LockHolder[] {
    const processes = new Set([...(this.#locks.get(name) ?? [])].map(({ process }) => process));
    return [...processes].map(({ identity, running, name: command }) => ({
      pid: identity.pid,
      state: running.paused ? 'T' : 'S',
      command,
    }));
  }

  #busy(name: string, what: string): SnapcommitError {
    return new SnapcommitError('BUSY', `the lock ${name} is ${what}`, { name });
  }
}

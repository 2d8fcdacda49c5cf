/**
 * One simulated machine: disks and a kernel that stay, a daemon with the replica's host that comes and goes, and commands. A
 * process can be killed, stopped and continued; the machine can lose its power, and with it whatever was not synced.
 */
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { createMemoryNodeFiles, type MemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import type { Asker } from '#src/daemon/participants/asker.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import type { AppliedSlot } from '#src/log/state-machine.js';
import type { ProcessIdentity } from '#src/machine/entry.js';
import type { State } from '#src/machine/state.js';
import type { LogIdentity } from '#src/ports/log.js';
import type { Dice } from '../simulation/random.js';
import { Process, SimNode } from '../simulation/sim-node.js';
import { Freezer } from './freezer.js';
import { Kernel } from './kernel.js';
import { DaemonLost, type LocalDaemon } from './local-log.js';
import { SimProcess, type Boundaries } from './sim-process.js';

export const STATE_DIRECTORY = '/var/lib/snapcommit';

/** What runs in a daemon besides the replica. */
export interface DaemonParts {
  /** Calls to other nodes, also for commands on this one. */
  readonly asker: Asker;
  /** A call of a peer, or the answer to one. */
  receive(from: string, bytes: Uint8Array): void;
  connected(peer: string): void;
  disconnected(peer: string): void;
  applied(state: State, applied: AppliedSlot): void;
}

export interface Daemon {
  readonly process: SimProcess;
  readonly host: ReplicaHost;
  readonly parts: DaemonParts;
}

export interface MachineUser {
  /** Whether its volumes are staged and published a pool at a time. */
  readonly pooled: boolean;
  readonly boundaries: Boundaries;
  readonly dice: Dice;
  /** Makes what runs in a daemon that has just started. */
  serve(machine: Machine, process: SimProcess, host: ReplicaHost): DaemonParts;
  /** Something that writers wait for may have happened. */
  thawed(machine: Machine): void;
}

export class Machine implements LocalDaemon {
  readonly name: string;
  readonly sim: SimNode;
  readonly driver: MemoryDriver;
  readonly files: MemoryNodeFiles = createMemoryNodeFiles();
  readonly kernel: Kernel;
  readonly freezer: Freezer;
  readonly identity: LogIdentity;
  /** Hooks that fail here. */
  readonly failingHooks = new Set<string>();
  daemon: Daemon | null = null;
  isUp = true;
  boot = 1;
  readonly #user: MachineUser;
  readonly #commands = new Set<SimProcess>();
  readonly #onDaemonEnd = new Set<() => void>();

  constructor(sim: SimNode, identity: LogIdentity, user: MachineUser) {
    this.name = sim.name;
    this.sim = sim;
    this.identity = identity;
    this.#user = user;
    this.driver = createMemoryDriver(undefined, user.pooled);
    this.kernel = new Kernel((process) => {
      this.kill(process);
    });
    this.freezer = new Freezer(user.boundaries.scheduler, () => {
      user.thawed(this);
    });
    for (const directory of ['owed', 'locks']) this.files.addDirectory(`${STATE_DIRECTORY}/${directory}`);
  }

  get processes(): readonly SimProcess[] {
    return [...(this.daemon === null ? [] : [this.daemon.process]), ...this.#commands];
  }

  async startDaemon(): Promise<void> {
    if (!this.isUp || this.sim.process !== null) return;
    await this.sim.start();
    const running = this.#running();
    const host = running?.host ?? null;
    if (running === null || host === null) return;
    const process = this.#newProcess('daemon', running);
    this.daemon = { process, host, parts: this.#user.serve(this, process, host) };
  }

  #running(): Process | null {
    return this.sim.process;
  }

  /** SIGKILL of a process, which is gone when this returns. */
  kill(process: SimProcess): void {
    if (!process.isAlive) return;
    if (this.daemon?.process === process) {
      this.daemon = null;
      void this.sim.kill();
      for (const tell of [...this.#onDaemonEnd]) tell();
    }
    process.running.alive = false;
    this.#commands.delete(process);
    this.kernel.ended(process);
    this.freezer.ended(process);
  }

  spawn(name: string): SimProcess {
    const process = this.#newProcess(name, new Process());
    this.#commands.add(process);
    return process;
  }

  /** A command has come to its end. */
  exited(process: SimProcess): void {
    this.kill(process);
  }

  losePower(reached: 'some' | 'nothing'): void {
    this.isUp = false;
    for (const process of this.processes) this.kill(process);
    const { dice } = this.#user;
    const isSome = reached === 'some';
    this.driver.world.crash((_, pending) => (isSome ? dice.below(pending + 1) : 0));
    this.files.crash((pending) => (isSome ? dice.below(pending + 1) : 0));
    this.freezer.powerLost();
  }

  returnPower(): void {
    this.isUp = true;
    this.boot += 1;
  }

  async ask<T>(
    process: SimProcess,
    what: string,
    untilMs: number,
    work: (host: ReplicaHost) => Promise<T>,
  ): Promise<T> {
    return this.askDaemon(process, what, untilMs, ({ host }) => work(host));
  }

  async askDaemon<T>(
    process: SimProcess,
    what: string,
    untilMs: number,
    work: (daemon: Daemon) => Promise<T>,
  ): Promise<T> {
    const { scheduler } = this.#user.boundaries;
    return process.call(what, () => {
      const { daemon } = this;
      if (daemon === null) throw new DaemonLost(`the daemon of ${this.name} does not answer`, false);
      return new Promise<T>((resolve, reject) => {
        const lost = (message: string) => () => {
          forget();
          reject(new DaemonLost(message, true));
        };
        const ended = lost(`the daemon of ${this.name} ended`);
        const cancel = scheduler.after(
          Math.max(0, untilMs - scheduler.now),
          lost(`the daemon of ${this.name} is late`),
        );
        const forget = (): void => {
          cancel();
          this.#onDaemonEnd.delete(ended);
        };
        this.#onDaemonEnd.add(ended);
        daemon.process.running.run(() => {
          work(daemon).then(resolve, reject).finally(forget);
        });
      });
    });
  }

  #newProcess(name: string, running: Process): SimProcess {
    const identity: ProcessIdentity = {
      node: this.name,
      bootId: `${this.name}-boot-${String(this.boot)}`,
      pid: this.kernel.nextPid(),
      startTime: Math.round(this.#user.boundaries.scheduler.now),
    };
    return new SimProcess(name, identity, this.#user.boundaries, running);
  }
}

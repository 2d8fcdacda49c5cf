/**
 * The whole system in one simulated world: machines with their disks, daemons with real replicas and real participants,
 * commands with the real coordinator, a network that fails, an application that writes, and whoever looks on.
 */
import type { Context } from '#src/participant/context.js';
import { RemoteParticipants } from '#src/daemon/participants/remote-participant.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import { decodeAside } from '#src/daemon/aside.js';
import type { State } from '#src/machine/state.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import { Violation } from '../simulation/history.js';
import { Network } from '../simulation/network.js';
import { Dice, seedFor } from '../simulation/random.js';
import { Scheduler, settleWholly } from '../simulation/scheduler.js';
import { Tally } from '../simulation/tally.js';
import { Trace } from '../simulation/trace.js';
import { Application } from './application.js';
import { follow } from './command.js';
import { assertBarrier } from './barrier.js';
import { askerThrough, daemonParts } from './daemon-parts.js';
import { foundSystem } from './found.js';
import { Links } from './links.js';
import { contextOf, type ContextUser } from './context.js';
import { Judge, type CommittedGeneration } from './judge.js';
import { LocalLog } from './local-log.js';
import type { DaemonParts, Machine } from './machine.js';
import { makeMachine } from './make-machine.js';
import { Observer } from './observer.js';
import { withFiles } from './sim-driver.js';
import type { Moment, SimProcess } from './sim-process.js';
import { CALL, LOG, tagged } from './tagged.js';
import { placedVolumes, type Command, type PlacedVolume, type WorldOptions } from './world-options.js';

const LOG_TIMEOUT_MS = 4000;

export class SystemWorld {
  readonly scheduler = new Scheduler(settleWholly);
  readonly tally = new Tally();
  readonly trace: Trace;
  readonly network: Network;
  readonly machines = new Map<string, Machine>();
  readonly volumes: readonly PlacedVolume[];
  readonly judge: Judge;
  readonly observer: Observer;
  readonly links: Links;
  readonly application: Application;
  violation: Violation | null = null;
  /** Sees every effect's boundary. */
  onBoundary: (process: SimProcess, what: string, moment: Moment) => void = () => undefined;
  readonly warnings: string[] = [];
  readonly #options: WorldOptions;
  readonly #contextUser: ContextUser;
  /** By snapshot: how often the application had written when it was made. */
  readonly #writesAt = new Map<string, number>();

  constructor(options: WorldOptions) {
    this.#options = options;
    this.trace = new Trace(options.traced);
    this.volumes = placedVolumes(options.volumes);
    this.judge = new Judge((committed) => {
      this.#committed(committed);
    });
    this.observer = new Observer(this.judge, this.volumes);
    this.network = new Network(options.seed, this.scheduler, this.tally, (from, to, bytes) => {
      this.#deliver(from, to, bytes);
    });
    this.#contextUser = this.#makeContextUser();
    for (const name of options.nodes) this.machines.set(name, this.#newMachine(name));
    this.links = new Links(this.scheduler, this.network, [...this.machines.values()]);
    this.application = new Application({
      scheduler: this.scheduler,
      dice: this.#dice('application'),
      machines: [...this.machines.values()],
      volumes: this.volumes,
    });
  }

  /** Machines that are on, one log, the volumes and the group in it. */
  async begin(): Promise<void> {
    for (const machine of this.machines.values()) await machine.startDaemon();
    await this.until(() => this.leader() !== null, 5000, 'a leader');
    this.links.start();
    await foundSystem(this, this.#options);
    if (this.#options.writes) this.application.start();
  }

  machine(name: string): Machine {
    const found = this.machines.get(name);
    if (found === undefined) throw new Error(`there is no machine ${name}`);
    return found;
  }

  /** The machine whose replica leads. */
  leader(): Machine | null {
    for (const machine of this.machines.values()) {
      const host = machine.daemon?.host;
      if (host?.hasCore === true && host.replicaStatus().role === 'leader') return machine;
    }
    return null;
  }

  /** Starts a command there; it runs while the world does. */
  run(machine: Machine, name: string, work: (context: Context) => Promise<number | null>): Command {
    const process = machine.spawn(name);
    this.note(name, `begins on ${machine.name}`);
    return follow({ name, machine, process }, work(this.contextOf(machine, process)), (what) => {
      this.note(name, what);
    });
  }

  contextOf(machine: Machine, process: SimProcess): Context {
    const log = new LocalLog({
      process,
      daemon: machine,
      timeoutMs: LOG_TIMEOUT_MS,
      now: () => this.scheduler.now,
    });
    const ports = contextOf(machine, process, log, this.#contextUser);
    const others = new RemoteParticipants(askerThrough(machine, process));
    const context: Context = {
      ...ports,
      participant: async (node) => (node === machine.name ? own : others.of(node)),
    };
    const own = new LocalParticipant(context);
    return context;
  }

  /** Runs the world until `done`, or fails it. */
  async until(done: () => boolean, forMs: number, what: string): Promise<boolean> {
    const end = this.scheduler.now + forMs;
    await this.scheduler.run(end, () => this.violation !== null || done());
    if (this.violation !== null) return false;
    if (!done()) this.fail('liveness', `no ${what} after ${String(forMs)} ms`);
    return done();
  }

  async pass(ms: number): Promise<void> {
    await this.scheduler.run(this.scheduler.now + ms, () => this.violation !== null);
  }

  state(): State | null {
    return this.leader()?.daemon?.host.staleState() ?? null;
  }

  /** `reached`: what of that which was not synced reached the disks all the same. */
  losePower(machine: Machine, forMs: number, reached: 'some' | 'nothing' = 'some'): void {
    this.note(machine.name, 'loses its power');
    machine.losePower(reached);
    this.observer.powerLost(machine);
    this.scheduler.after(forMs, () => {
      if (machine.isUp) return;
      this.bringUp(machine);
      this.do(() => machine.startDaemon());
    });
  }

  bringUp(machine: Machine): void {
    machine.returnPower();
    this.application.thawed(machine);
  }

  /** As its service manager does after a while. */
  kill(machine: Machine, process: SimProcess): void {
    this.note(machine.name, `${process.name} is killed`);
    machine.kill(process);
  }

  note(who: string, what: string): void {
    this.trace.add(this.scheduler.now, [who, what], () => `${who}: ${what}`);
  }

  fail(law: string, message: string): void {
    this.violation ??= new Violation(law, message);
    this.note('!', message);
  }

  do(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      this.#broke(error);
    });
  }

  judging(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#broke(error);
    }
  }

  #broke(error: unknown): void {
    if (error instanceof Violation) this.fail(error.law, error.message);
    else this.fail('error', error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #newMachine(name: string): Machine {
    return makeMachine(name, this.#options, this.volumes, {
      scheduler: this.scheduler,
      dice: (purpose) => this.#dice(purpose, name),
      send: (from, to, bytes) => {
        this.network.send(from, to, tagged(LOG, bytes));
      },
      applied: (applied) => {
        this.note(name, `applied ${String(applied.slot)} ${applied.outcome?.ok === false ? applied.outcome.code : ''}`);
        this.judging(() => {
          this.judge.applied(name, applied);
        });
      },
      stopped: (error) => {
        this.fail('stopped', `${name}: ${error.stack ?? error.message}`);
      },
      broke: (error) => {
        this.#broke(error);
      },
      reached: (process, what, moment) => {
        this.#reached(process, what, moment);
      },
      serve: (on, process, host) => this.#serve(on, process, host),
      thawed: (on) => {
        this.application.thawed(on);
      },
    });
  }

  #serve(machine: Machine, process: SimProcess, host: ReplicaHost): DaemonParts {
    const log = process.asEffects('log', host);
    const ports = contextOf(machine, process, log, this.#contextUser);
    return daemonParts({
      ports,
      others: this.#options.nodes.filter((node) => node !== machine.name),
      send: (to, bytes) => {
        if (process.isAlive) this.network.send(machine.name, to, tagged(CALL, bytes));
      },
      surroundings: {
        unreachableForMs: (node) => this.links.unreachableForMs(machine.name, node),
        isLeader: () => this.leader() === machine,
      },
      say: (what) => {
        this.note(machine.name, what);
      },
    });
  }

  #deliver(from: string, to: string, bytes: Uint8Array): void {
    const machine = this.machine(to);
    const content = bytes.subarray(1);
    this.trace.add(this.scheduler.now, [from, to, bytes.length], () =>
      bytes[0] === LOG ? `${from} → ${to} (log)` : `${from} → ${to} ${JSON.stringify(decodeAside(content).content)}`,
    );
    if (bytes[0] === LOG) machine.sim.deliver(from, content);
    else
      machine.daemon?.process.running.run(() => {
        machine.daemon?.parts.receive(from, content);
      });
  }

  #reached(process: SimProcess, what: string, moment: Moment): void {
    this.note(`${process.identity.node} ${process.name}`, `${moment} ${what}`);
    if (moment === 'after') {
      const machine = this.machines.get(process.identity.node);
      if (machine !== undefined)
        this.judging(() => {
          this.observer.look(machine);
        });
    }
    this.onBoundary(process, what, moment);
  }

  #committed(committed: CommittedGeneration): void {
    this.observer.assertSnapshots(this.machines, committed);
    const { grade } = committed.manifest.consistency;
    this.tally.count(`committed ${committed.mode} ${grade}`);
    assertBarrier(committed, ({ node, id }) => this.#writesAt.get(`${node} ${id}`));
  }

  #makeContextUser(): ContextUser {
    return {
      scheduler: this.scheduler,
      dice: this.#dice('context'),
      driver: (machine) =>
        withFiles(machine.driver, machine.files, {
          staged: (_, id) => {
            this.#writesAt.set(`${machine.name} ${id}`, this.application.writes);
          },
        }),
      hookRan: (machine, file) => {
        this.note(machine.name, `hook ${file}`);
      },
      runCommand: () => 0,
      reported: (self, message) => {
        this.note(self.node, message);
        this.warnings.push(`${self.node}: ${message}`);
      },
    };
  }

  #dice(...purpose: readonly string[]): Dice {
    return new Dice(seedFor(this.#options.seed, ...purpose));
  }
}

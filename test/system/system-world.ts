/**
 * The whole system in one simulated world: machines with their disks, daemons with real replicas and real participants,
 * commands with the real coordinator, a network that fails, an application that writes, and whoever looks on.
 */
import type { Context } from '#src/participant/context.js';
import { RemoteParticipants } from '#src/daemon/participants/remote-participant.js';
import { LocalParticipant } from '#src/participant/local-participant.js';
import { raiseStamp } from '#src/participant/stamps.js';
import { decodeAside } from '#src/daemon/aside.js';
import type { Operation } from '#src/machine/entry.js';
import type { State } from '#src/machine/state.js';
import { DEFAULT_LIMITS } from '#src/paxos/limits.js';
import { nodeId } from '#src/paxos/ballot.js';
import { slot } from '#src/paxos/contiguous-log.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import { MemoryDisk } from '../support/memory-replica-store.js';
import { Violation } from '../simulation/history.js';
import { Network } from '../simulation/network.js';
import { Dice, seedFor } from '../simulation/random.js';
import { Scheduler, settleWholly } from '../simulation/scheduler.js';
import { SimNode } from '../simulation/sim-node.js';
import { Tally } from '../simulation/tally.js';
import { Trace } from '../simulation/trace.js';
import { Application, CGROUP } from './application.js';
import { askerThrough, daemonParts } from './daemon-parts.js';
import { Links } from './links.js';
import { contextOf, type ContextUser } from './context.js';
import { Judge, type CommittedGeneration, type Ending } from './judge.js';
import { LocalLog } from './local-log.js';
import { Machine, type DaemonParts } from './machine.js';
import { GROUP, STALL_LIMIT_MS } from './names.js';
import { Observer } from './observer.js';
import { withFiles } from './sim-driver.js';
import type { Moment, SimProcess } from './sim-process.js';

export interface PlacedVolume {
  readonly name: string;
  readonly node: string;
  readonly source: string;
  readonly publishDirectory: string;
  /** Of this machine's. null: it stands alone, on a filesystem that knows no pools. */
  readonly pool: string | null;
}

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: readonly string[];
  /** `NODE:NAME` or, where all of them stand in pools, `NODE:NAME:POOL`. */
  readonly volumes: readonly string[];
  readonly hooks: boolean;
  /** Whether the application writes; a transact's own command does in any case. */
  readonly writes: boolean;
  readonly traced: boolean;
}

/** A command that runs, or ran. */
export interface Command {
  readonly name: string;
  readonly machine: Machine;
  readonly process: SimProcess;
  /** null: it has not ended, and its process lives. */
  readonly ending: () => Ending | null;
}

const LOG_TIMEOUT_MS = 4000;
const HOST_SETTINGS = {
  tickMs: 50,
  appendTimeoutMs: 2500,
  readTimeoutMs: 2500,
  limits: DEFAULT_LIMITS,
};
const LOG = 0;
const CALL = 1;

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
    this.volumes = options.volumes.map((text) => {
      const [node = '', name = '', pool = null] = text.split(':');
      return { name, node, source: `/srv/${name}`, publishDirectory: `/srv/.snapcommit/${name}`, pool };
    });
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
    for (const node of this.#options.nodes) await this.#append({ type: 'putMember', node, address: `${node}:7000` });
    for (const volume of this.volumes) await this.#addVolume(volume);
    await this.#append({
      type: 'createGroup',
      group: {
        name: GROUP,
        volumes: this.volumes.map(({ name }) => name).sort(),
        freezeCgroups: [CGROUP],
        freezeUnits: [],
        stopUnits: [],
        require: null,
        stallLimitMs: STALL_LIMIT_MS,
        preHooks: this.#options.hooks ? ['/hooks/pre'] : [],
        postHooks: this.#options.hooks ? ['/hooks/post'] : [],
      },
    });
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
    let ending: Ending | null = null;
    this.note(name, `begins on ${machine.name}`);
    const settle = (how: Ending): void => {
      if (!process.isAlive) return;
      ending = how;
      this.note(name, how.kind === 'failed' ? `failed: ${String(how.error)}` : how.kind);
      machine.exited(process);
    };
    work(this.contextOf(machine, process)).then(
      (generation) => {
        settle({ kind: 'answered', generation });
      },
      (error: unknown) => {
        settle({ kind: 'failed', error });
      },
    );
    return { name, machine, process, ending: () => ending ?? (process.isAlive ? null : { kind: 'killed' }) };
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
    const { seed, nodes } = this.#options;
    const configuration = { id: 1, voters: nodes.map(nodeId), learners: [], after: slot(0) };
    const identity = { cluster: 'sim', node: name, incarnation: 1 };
    const disk = new MemoryDisk({ ...identity, configuration, mode: 'cluster' }, `${name}-store`);
    const sim = new SimNode(name, disk, 1000, {
      seed,
      scheduler: this.scheduler,
      settings: HOST_SETTINGS,
      send: (from, to, bytes) => {
        this.network.send(from, to, tagged(LOG, bytes));
      },
      hooks: () => ({
        onApplied: (applied, state) => {
          this.note(
            name,
            `applied ${String(applied.slot)} ${applied.outcome?.ok === false ? applied.outcome.code : ''}`,
          );
          this.judging(() => {
            this.judge.applied(name, applied);
          });
          machine.daemon?.parts.applied(state, applied);
        },
        onEvent: (event) => {
          if (event.type === 'stopped') this.fail('stopped', `${name}: ${event.error.stack ?? event.error.message}`);
        },
      }),
      broke: (error) => {
        this.#broke(error);
      },
    });
    const latencies = this.#dice('latency', name);
    const machine = new Machine(sim, identity, {
      pooled: this.volumes.some(({ pool }) => pool !== null),
      dice: this.#dice('machine', name),
      boundaries: {
        scheduler: this.scheduler,
        latencyMs: () => 0.2 + latencies.below(100) / 100,
        reached: (process, what, moment) => {
          this.#reached(process, what, moment);
        },
      },
      serve: (on, process, host) => this.#serve(on, process, host),
      thawed: (on) => {
        this.application.thawed(on);
      },
    });
    machine.freezer.addCgroup(CGROUP);
    for (const { node, source, pool } of this.volumes)
      if (node === name) machine.driver.world.addVolume(source, { counter: '0' }, pool ?? source);
    return machine;
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
    const { group, generation, manifest, mode } = committed;
    const { grade } = manifest.consistency;
    this.tally.count(`committed ${mode} ${grade}`);
    if (mode !== 'capture' || (grade !== 'barrier' && grade !== 'application')) return;
    const counts = new Set(manifest.volumes.map(({ node, id }) => this.#writesAt.get(`${node} ${id}`)));
    if (counts.size > 1)
      throw new Violation(
        'barrier',
        `${group}@${String(generation)} claims ${grade}, and somebody wrote between its snapshots`,
      );
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

  async #addVolume({ name, node, source, publishDirectory }: PlacedVolume): Promise<void> {
    const machine = this.machine(node);
    const place = { name, source, publishDirectory };
    machine.files.addDirectory(publishDirectory);
    await machine.driver.prepare(place);
    await raiseStamp(machine.files, publishDirectory, { cluster: 'sim', incarnation: 1, slot: slot(0) });
    machine.files.syncTree(publishDirectory);
    await this.#append({
      type: 'addVolume',
      volume: { ...place, node, driver: 'memory', filesystem: `memory:${source}` },
    });
  }

  async #append(operation: Operation): Promise<void> {
    let done = false;
    const host = this.leader()?.daemon?.host;
    if (host === undefined) throw this.violation ?? new Error('nobody leads');
    this.do(async () => {
      const result = await host.append(operation);
      if (result.status !== 'chosen' || !result.outcome.ok) throw new Error(`not appended: ${JSON.stringify(result)}`);
      done = true;
    });
    await this.until(() => done, 5000, `answer to ${operation.type}`);
  }

  #dice(...purpose: readonly string[]): Dice {
    return new Dice(seedFor(this.#options.seed, ...purpose));
  }
}

function tagged(kind: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([kind]), bytes]);
}

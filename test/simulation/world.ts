/**
 * One world: nodes, network, disks and clients, moved by one scheduler. A safety phase in which the plan's faults happen,
 * then a liveness phase in which everything works again and the cluster has to.
 */
import { stateHash } from '#src/log/codec.js';
import { decodeWire } from '#src/log/wire.js';
import type { HostSettings } from '#src/log/host-settings.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import type { Operation as MachineOperation } from '#src/machine/entry.js';
import { nodeId } from '#src/paxos/ballot.js';
import { DEFAULT_LIMITS } from '#src/paxos/limits.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { SnapcommitError, unreachable } from '#src/errors.js';
import { MemoryDisk } from '../support/memory-replica-store.js';
import { History, Violation, type Operation } from './history.js';
import { FAIR, Network } from './network.js';
import type { Plan, PlanItem } from './plan.js';
import { Dice, seedFor } from './random.js';
import { Scheduler } from './scheduler.js';
import { SimNode } from './sim-node.js';
import { Tally } from './tally.js';
import { Trace } from './trace.js';

/** Small bounds, so that a short run reaches them. */
const SETTINGS: Partial<HostSettings> = {
  tickMs: 100,
  appendTimeoutMs: 2500,
  readTimeoutMs: 2500,
  reconfigureTimeoutMs: 3000,
  pendingAppendsMax: 32,
  checkpointSlots: 16,
  keepSlots: 6,
  fullRetryMs: 500,
  scrubEveryMs: 5000,
  limits: { ...DEFAULT_LIMITS, learnEntries: 4, inFlightEntries: 12, roundTicks: 2 },
};
const HASH_EVERY_SLOTS = 10;
const LIVENESS_MS = 30_000;
/** Many times what any world needs: something feeds itself. */
const EVENTS_MAX = 60_000;

export interface WorldResult {
  readonly violation: { readonly law: string; readonly message: string } | null;
  readonly hash: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly slots: number;
  readonly acknowledged: number;
  readonly reads: number;
  readonly tally: Readonly<Record<string, number>>;
  readonly trace: readonly string[];
}

export async function runWorld(plan: Plan, traced = false): Promise<WorldResult> {
  const world = new World(plan, traced);
  return world.run();
}

class World {
  readonly #plan: Plan;
  readonly #scheduler = new Scheduler();
  readonly #tally = new Tally();
  readonly #trace: Trace;
  readonly #history = new History();
  readonly #network: Network;
  readonly #nodes = new Map<string, SimNode>();
  readonly #kept = new Map<string, MemoryDisk>();
  #violation: { readonly law: string; readonly message: string } | null = null;
  #healed = false;

  constructor(plan: Plan, traced: boolean) {
    this.#plan = plan;
    this.#trace = new Trace(traced);
    this.#network = new Network(plan.seed, this.#scheduler, this.#tally, (from, to, bytes) => {
      this.#nodes.get(to)?.deliver(from, bytes);
    });
    for (const name of [...plan.voters, ...plan.spares]) this.#nodes.set(name, this.#newNode(name));
  }

  async run(): Promise<WorldResult> {
    for (const node of this.#nodes.values()) this.#do(() => node.start());
    for (const item of this.#plan.items)
      this.#scheduler.after(item.at, () => {
        if (!this.#healed) this.#do(() => this.#act(item));
      });
    await this.#scheduler.run(this.#plan.lastsMs, () => this.#isOver());
    if (this.#violation === null) await this.#liveness();
    if (this.#violation === null)
      this.#judge(() => {
        this.#history.finish();
      });
    return {
      violation: this.#violation,
      hash: this.#trace.hash,
      simulatedMs: this.#scheduler.now,
      events: this.#scheduler.events,
      slots: this.#history.chosen.length,
      acknowledged: this.#history.acknowledged,
      reads: this.#history.reads,
      tally: this.#tally.all(),
      trace: this.#trace.lines,
    };
  }

  #newNode(name: string): SimNode {
    return new SimNode(name, this.#newDisk(name, 1), this.#plan.ratesPerMille[name] ?? 1000, {
      seed: this.#plan.seed,
      scheduler: this.#scheduler,
      settings: SETTINGS,
      send: (from, to, bytes) => {
        this.#trace.add(this.#scheduler.now, [from, to, bytes.length], () => `${from} → ${to} ${describe(bytes)}`);
        this.#network.send(from, to, bytes);
      },
      hooks: (node) => ({
        onApplied: (applied, state) => {
          this.#note(
            name,
            `applied ${String(applied.slot)} ${applied.outcome === null ? '-' : applied.outcome.ok ? 'ok' : applied.outcome.code}`,
          );
          this.#judge(() => {
            this.#history.applied(name, applied);
            if (applied.slot % HASH_EVERY_SLOTS === 0) this.#history.hashed(name, applied.slot, stateHash(state));
          });
        },
        onEvent: (event) => {
          this.#tally.count(`event ${event.type}`);
          this.#note(name, event.type === 'stopped' ? `stopped: ${event.error.message}` : JSON.stringify(event));
          if (event.type === 'configured')
            this.#judge(() => {
              this.#history.configured(name, event.configuration);
            });
          if (event.type === 'stopped') this.#stopped(node, event.error);
        },
        metrics: {
          ballot: () => undefined,
          leaderChanged: () => {
            const status = node.host?.replicaStatus();
            if (status?.role !== 'leader') return;
            this.#tally.count('leader elected');
            const { round, node: of } = status.ballot;
            this.#judge(() => {
              this.#history.leads(name, `${String(status.configuration.id)}.${String(round)}.${of}`);
            });
          },
          slotsChosen: () => undefined,
          batch: () => {
            this.#tally.count('batch synced');
          },
          queue: () => undefined,
          lag: () => undefined,
          messageRefused: (from, reason) => {
            this.#fail('wire', `${name} could not read a message of ${from}: ${reason}`);
          },
        },
      }),
      broke: (error) => {
        this.#fail('error', String(error));
      },
    });
  }

  #isOver(): boolean {
    if (this.#scheduler.events > EVENTS_MAX)
      this.#fail('bounds', `more than ${String(EVENTS_MAX)} events in one world`);
    return this.#violation !== null;
  }

  #newDisk(name: string, generation: number): MemoryDisk {
    const voters = this.#plan.voters.map(nodeId);
    const configuration = { id: 1, voters, learners: [], after: slot(0) };
    const identity = { cluster: 'sim', node: name, incarnation: 1, configuration, mode: 'cluster' as const };
    return new MemoryDisk(identity, `${name}-store-${String(generation)}`);
  }

  /** A node stops of itself when its disk fails; anything else is a bug. It is started again like after a crash. */
  #stopped(node: SimNode, error: Error): void {
    const alone = this.#plan.voters.length === 1;
    const expected =
      error instanceof SnapcommitError && (error.code === 'OUTCOME_UNKNOWN' || (alone && error.code === 'LOG_CORRUPT'));
    if (!expected) return this.#fail('stopped', `${node.name} stopped: ${error.stack ?? error.message}`);
    this.#scheduler.after(1, () => {
      this.#do(() => node.kill());
    });
    this.#scheduler.after(300, () => {
      this.#do(() => node.start());
    });
  }

  #note(node: string, what: string): void {
    this.#trace.add(this.#scheduler.now, [node, what], () => `${node}: ${what}`);
  }

  #judge(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof Violation) this.#fail(error.law, error.message);
      else throw error;
    }
  }

  #fail(law: string, message: string): void {
    this.#violation ??= { law, message };
    this.#note('!', message);
  }

  #do(work: () => Promise<unknown>): void {
    work().catch((error: unknown) => {
      if (error instanceof Violation) this.#fail(error.law, error.message);
      else this.#fail('error', error instanceof Error ? (error.stack ?? error.message) : String(error));
    });
  }

  #node(name: string): SimNode {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new Error(`there is no node ${name}`);
    return node;
  }

  #later(ms: number, work: () => Promise<unknown>): void {
    this.#scheduler.after(ms, () => {
      if (!this.#healed) this.#do(work);
    });
  }

  async #act(item: PlanItem): Promise<void> {
    if (item.kind !== 'append' && item.kind !== 'read') this.#note('*', JSON.stringify(item));
    switch (item.kind) {
      case 'append':
        return this.#append(
          this.#history.invoke(item.volume, item.adds, item.request),
          item.node,
          item.request ? 2 : 0,
        );
      case 'read':
        return this.#read(item.node);
      case 'crash':
        this.#tally.count('crash');
        await this.#node(item.node).kill();
        this.#later(item.forMs, () => this.#node(item.node).start());
        return;
      case 'pause':
        return this.#pause(this.#node(item.node), item.forMs);
      case 'cut':
        return this.#cut(item.from, item.to, item.forMs);
      case 'weather':
        this.#tally.count('bad weather');
        this.#network.weather = item.weather;
        this.#later(item.forMs, async () => {
          this.#network.weather = FAIR;
        });
        return;
      case 'clock':
        this.#tally.count('clock stepped');
        this.#node(item.node).clockMs += item.byMs;
        return;
      case 'full':
        this.#tally.count('disk full');
        this.#node(item.node).disk.isFull = true;
        this.#later(item.forMs, async () => {
          this.#node(item.node).disk.isFull = false;
        });
        return;
      case 'slow':
        this.#tally.count('disk slow');
        this.#node(item.node).slow = true;
        this.#later(item.forMs, async () => {
          this.#node(item.node).slow = false;
        });
        return;
      case 'hang':
        this.#tally.count('disk hung');
        this.#node(item.node).hangs = true;
        this.#later(item.forMs, async () => {
          this.#node(item.node).hangs = false;
        });
        return;
      case 'failSync':
        this.#tally.count('sync failed');
        this.#node(item.node).disk.nextSync = item.done ? 'failsDone' : 'failsUndone';
        return;
      case 'damage':
        return this.#damage(this.#node(item.node), item.how);
      case 'keep':
        this.#kept.set(item.node, this.#node(item.node).disk.copy());
        return;
      case 'rollBack':
        return this.#rollBack(this.#node(item.node));
      case 'wipe':
        return this.#wipe(this.#node(item.node));
      case 'members':
      case 'transfer':
      case 'checkpoint':
      case 'scrub':
        return this.#command(item);
      default:
        unreachable(item);
    }
  }

  async #command(
    item: Extract<PlanItem, { readonly kind: 'members' | 'transfer' | 'checkpoint' | 'scrub' }>,
  ): Promise<void> {
    const { host } = this.#node(item.node);
    if (host === null) return;
    try {
      this.#tally.count(item.kind);
      if (item.kind === 'transfer') host.transferLeadership();
      else if (item.kind === 'checkpoint') await host.checkpoint();
      else if (item.kind === 'scrub') await host.scrub();
      else await host.reconfigure(item);
      this.#tally.count(`${item.kind} done`);
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
    }
  }

  async #append(operation: Operation, name: string, retries: number): Promise<void> {
    const { host } = this.#node(name);
    const running = this.#node(name).process;
    if (host === null || running === null || running.paused) return;
    operation.attempts += 1;
    const { id, volume, adds, request } = operation;
    const what: MachineOperation = adds
      ? {
          type: 'addVolume',
          volume: {
            name: volume,
            node: 'n',
            driver: 'memory',
            source: `/${volume}#${String(id)}`,
            publishDirectory: `/${volume}#${String(id)}/p`,
            filesystem: 'f',
          },
        }
      : { type: 'removeVolume', volume };
    const key = request || !adds ? { id: `r${String(id)}`, digest: String(id) } : null;
    this.#note(name, `append ${String(id)} ${adds ? 'add' : 'remove'} ${volume}`);
    let status: string;
    try {
      const result = await host.append(what, key);
      status = result.status;
      this.#note(
        name,
        `append ${String(id)}: ${result.status}${result.status === 'chosen' ? ` ${String(result.slot)}` : ''}`,
      );
      if (running.alive)
        this.#judge(() => {
          this.#history.answered(operation, result);
        });
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      status = error.code;
    }
    this.#tally.count(`append ${status}`);
    if (status === 'chosen' || retries === 0) return;
    const names = [...this.#nodes.keys()];
    const next = names[(names.indexOf(name) + 1) % names.length] ?? name;
    this.#later(50, () => this.#append(operation, next, retries - 1));
  }

  async #read(name: string): Promise<void> {
    const running = this.#node(name).process;
    const host = running?.host ?? null;
    if (running === null || host === null || running.paused) return;
    const floor = this.#history.beginRead();
    try {
      const state = await host.read();
      if (!running.alive) return;
      this.#note(name, `read as of ${String(state.applied)}`);
      this.#judge(() => {
        this.#history.answeredRead(floor, state.applied, Object.keys(state.volumes).sort());
      });
      this.#tally.count('read answered');
    } catch (error) {
      if (!(error instanceof SnapcommitError)) throw error;
      this.#tally.count(`read ${error.code}`);
    }
  }

  async #pause(node: SimNode, forMs: number): Promise<void> {
    const running = node.process;
    if (running === null) return;
    this.#tally.count('pause');
    running.paused = true;
    this.#later(forMs, async () => {
      running.resume();
    });
  }

  async #cut(from: readonly string[], to: readonly string[], forMs: number): Promise<void> {
    const links = from.flatMap((a) => to.filter((b) => a !== b).map((b) => [a, b] as const));
    const both = links.some(([a, b]) => links.some(([c, d]) => a === d && b === c));
    this.#tally.count(both ? 'partition' : 'partition one way');
    for (const [a, b] of links) this.#network.cut(a, b);
    this.#later(forMs, async () => {
      for (const [a, b] of links) this.#network.mend(a, b);
    });
  }

  /** What lies on the disk changes while the process is down, or under its feet. */
  async #damage(node: SimNode, how: 'missing' | 'flipped' | 'misdirected' | 'checkpoint'): Promise<void> {
    const { contents } = node.disk;
    const dice = new Dice(seedFor(this.#plan.seed, 'damage', node.name, Math.round(this.#scheduler.now)));
    if (how === 'checkpoint') {
      if (contents.checkpoint === null) return;
      node.disk.damageCheckpoint();
    } else {
      const { base, last } = contents.head;
      if (last - base < 2) return;
      const at = base + 1 + dice.below(last - base);
      if (contents.rows[at - base - 1] === undefined) return;
      node.disk.damage(at, how === 'misdirected' ? { misdirected: at === last ? at - 1 : at + 1 } : how);
    }
    this.#tally.count(`damage ${how}`);
    await node.kill();
    this.#later(100, () => node.start());
  }

  async #rollBack(node: SimNode): Promise<void> {
    const kept = this.#kept.get(node.name);
    if (kept === undefined || !this.#othersRemember(node, kept.contents.life.batches + 1)) return;
    this.#tally.count('store rolled back');
    await node.kill();
    node.disk = kept.copy();
    this.#later(200, () => node.start());
  }

  async #wipe(node: SimNode): Promise<void> {
    if (!this.#othersRemember(node, 1)) return;
    this.#tally.count('store wiped');
    await node.kill();
    node.disk = this.#newDisk(node.name, 2 + node.starts);
    this.#later(200, () => node.start());
  }

  /** What nobody has noticed nobody can notice: the others' disks know this store, and further than it will be. */
  #othersRemember(node: SimNode, batches: number): boolean {
    const others = [...this.#nodes.values()].filter((one) => one !== node);
    const { id } = node.disk.contents.life;
    return others.every(({ disk }) => {
      const seen = disk.contents.remembered[node.name];
      return seen?.id === id && seen.batches >= batches;
    });
  }

  async #liveness(): Promise<void> {
    this.#healed = true;
    this.#note('*', 'everything works again');
    this.#network.mendAll();
    this.#network.weather = FAIR;
    for (const node of this.#nodes.values()) {
      node.disk.isFull = false;
      node.disk.nextSync = 'succeeds';
      node.slow = false;
      node.hangs = false;
      node.process?.resume();
      this.#do(() => node.start());
    }
    const until = this.#scheduler.now + LIVENESS_MS;
    const done = new Set<string>();
    while (this.#scheduler.now < until) {
      const members = this.#members();
      for (const name of members) if (!done.has(name)) this.#do(() => this.#tryOut(name, done));
      await this.#scheduler.run(this.#scheduler.now + 500, () => this.#isOver());
      if (this.#violation !== null || this.#isEven(done)) return;
    }
    this.#fail('liveness', `after ${String(LIVENESS_MS)} ms without a fault: ${this.#describe(done)}`);
  }

  /** An append and a read on this node. */
  async #tryOut(name: string, done: Set<string>): Promise<void> {
    const host = this.#node(name).host;
    if (host === null) return;
    const operation = this.#history.invoke('v1', true, false);
    const before = this.#history.acknowledged;
    await this.#append(operation, name, 0);
    if (this.#history.acknowledged === before) return;
    await this.#read(name);
    done.add(name);
  }

  #members(): readonly string[] {
    const known = this.#hosts().map((host) => host.replicaStatus().configuration);
    const [newest = null] = known.sort((a, b) => b.id - a.id);
    return newest === null ? [] : [...newest.voters, ...newest.learners];
  }

  #hosts(): readonly ReplicaHost[] {
    return [...this.#nodes.values()].flatMap(({ host }) => {
      try {
        host?.replicaStatus();
        return host === null ? [] : [host];
      } catch {
        return [];
      }
    });
  }

  /** Every member has answered, and all of them hold the same. */
  #isEven(done: ReadonlySet<string>): boolean {
    const members = this.#members();
    const hosts = this.#hosts().filter((host) => members.includes(host.identity.node));
    if (members.length === 0 || hosts.length < members.length || !members.every((name) => done.has(name))) return false;
    return new Set(hosts.map((host) => stateHash(host.staleState()))).size === 1;
  }

  #describe(done: ReadonlySet<string>): string {
    const lines = [...this.#nodes.values()].map((node) => {
      const host = this.#hosts().find((one) => one === node.host);
      if (host === undefined) return `${node.name} is down`;
      const { role, standing, leader, ballot, configuration, lastSlot, decidedSlot, appliedSlot } =
        host.replicaStatus();
      return `${node.name} ${role} ${standing} leader ${String(leader)} ballot ${String(ballot.round)}.${ballot.node} configuration ${String(configuration.id)} (${configuration.voters.join()}/${configuration.learners.join()}) last ${String(lastSlot)} decided ${String(decidedSlot)} applied ${String(appliedSlot)}${done.has(node.name) ? ' answered' : ''}`;
    });
    return lines.join('; ');
  }
}

/** A message in a line: its kind and its numbers. */
function describe(bytes: Uint8Array): string {
  const message = decodeWire(bytes);
  if (message.type !== 'core') return JSON.stringify(message, shorten);
  return `(${String(message.configuration)}) ${JSON.stringify(message.message, shorten)}`;
}

function shorten(key: string, value: unknown): unknown {
  if (value instanceof Uint8Array) return `${String(value.length)} bytes`;
  if (typeof value === 'object' && value !== null && 'round' in value && 'node' in value)
    return `${String(value.round)}.${String(value.node)}`;
  if ((key === 'entries' || key === 'suffix') && Array.isArray(value)) return value.length;
  return value;
}

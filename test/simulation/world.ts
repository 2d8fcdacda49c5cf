/**
 * One world: nodes, network, disks and clients, moved by one scheduler. A safety phase in which the plan's faults happen,
 * then a liveness phase in which everything works again and the cluster has to.
 */
import { stateHash } from '#src/log/codec.js';
import type { HostSettings } from '#src/log/host-settings.js';
import { DEFAULT_LIMITS } from '#src/paxos/limits.js';
import { SnapcommitError, unreachable } from '#src/errors.js';
import { Clients } from './clients.js';
import { Clones } from './clones.js';
import { describe } from './describe.js';
import type { MemoryDisk } from '../support/memory-replica-store.js';
import { Disks } from './disks.js';
import { Lines } from './lines.js';
import { Liveness } from './liveness.js';
import { FAIR, Network } from './network.js';
import { changing } from './operations.js';
import type { Plan, PlanItem } from './plan.js';
import { SimNode, type SimNodeUser } from './sim-node.js';
import { Stage } from './stage.js';
import { Transactions } from './transactions.js';

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
  readonly #stage: Stage;
  readonly #network: Network;
  readonly #disks: Disks;
  readonly #clones: Clones;
  readonly #clients: Clients;
  readonly #transactions: Transactions;

  constructor(plan: Plan, traced: boolean) {
    this.#stage = new Stage(plan, traced);
    this.#disks = new Disks(this.#stage);
    this.#clients = new Clients(this.#stage);
    this.#transactions = new Transactions(this.#stage, this.#clients);
    const lines = new Lines(this.#stage);
    this.#network = new Network(plan.seed, this.#stage.scheduler, this.#stage.tally, (from, to, bytes, sender) => {
      lines.receiver(sender, to)?.deliver(from, bytes);
    });
    for (const name of [...plan.voters, ...plan.spares])
      this.#stage.nodes.set(name, this.#newNode(name, this.#disks.newDisk(name, 1)));
    this.#clones = new Clones(this.#stage, this.#disks, this.#clients, (name, disk, speaksAs) =>
      this.#newNode(name, disk, speaksAs),
    );
  }

  async run(): Promise<WorldResult> {
    for (const node of this.#stage.nodes.values()) this.#stage.do(() => node.start());
    for (const item of this.#stage.plan.items)
      this.#stage.scheduler.after(item.at, () => {
        if (!this.#stage.healed) this.#stage.do(() => this.#act(item));
      });
    await this.#stage.scheduler.run(this.#stage.plan.lastsMs, () => this.#isOver());
    await this.#clones.endAll();
    if (this.#stage.violation === null)
      await new Liveness(this.#stage, this.#network, this.#clients, () => this.#isOver()).run();
    if (this.#stage.violation === null)
      this.#stage.judge(() => {
        this.#stage.history.finish();
      });
    return {
      violation: this.#stage.violation,
      hash: this.#stage.trace.hash,
      simulatedMs: this.#stage.scheduler.now,
      events: this.#stage.scheduler.events,
      slots: this.#stage.history.chosen.length,
      acknowledged: this.#stage.history.acknowledged,
      reads: this.#stage.history.reads,
      tally: this.#stage.tally.all(),
      trace: this.#stage.trace.lines,
    };
  }

  #newNode(name: string, disk: MemoryDisk, speaksAs = name): SimNode {
    const user: SimNodeUser = {
      seed: this.#stage.plan.seed,
      scheduler: this.#stage.scheduler,
      settings: SETTINGS,
      send: (from, to, bytes) => {
        this.#stage.trace.add(
          this.#stage.scheduler.now,
          [from, to, bytes.length],
          () => `${from} → ${to} ${describe(bytes)}`,
        );
        this.#network.send(from, to, bytes, name);
      },
      hooks: (node) => ({
        onApplied: (applied, state) => {
          this.#stage.note(
            name,
            `applied ${String(applied.slot)} ${applied.outcome === null ? '-' : applied.outcome.ok ? 'ok' : applied.outcome.code}`,
          );
          this.#stage.judge(() => {
            this.#stage.history.applied(name, applied);
            if (applied.slot % HASH_EVERY_SLOTS === 0) this.#stage.history.hashed(name, applied.slot, stateHash(state));
          });
        },
        onEvent: (event) => {
          this.#stage.tally.count(`event ${event.type}`);
          this.#stage.note(name, event.type === 'stopped' ? `stopped: ${event.error.message}` : JSON.stringify(event));
          if (event.type === 'configured')
            this.#stage.judge(() => {
              this.#stage.history.configured(name, event.configuration);
            });
          if (event.type === 'stopped') this.#stopped(node, event.error);
        },
        metrics: {
          ballot: () => undefined,
          leaderChanged: () => {
            const status = node.host?.replicaStatus();
            if (status?.role !== 'leader') return;
            this.#stage.tally.count('leader elected');
            const { round, node: of } = status.ballot;
            this.#stage.judge(() => {
              this.#stage.history.leads(name, `${String(status.configuration.id)}.${String(round)}.${of}`);
            });
          },
          slotsChosen: () => undefined,
          batch: () => {
            this.#stage.tally.count('batch synced');
          },
          queue: () => undefined,
          lag: () => undefined,
          messageRefused: (from, reason) => {
            this.#stage.fail('wire', `${name} could not read a message of ${from}: ${reason}`);
          },
        },
      }),
      broke: (error) => {
        this.#stage.fail('error', String(error));
      },
    };
    return new SimNode(name, disk, this.#stage.plan.ratesPerMille[name] ?? 1000, user, speaksAs);
  }

  #isOver(): boolean {
    if (this.#stage.scheduler.events > EVENTS_MAX)
      this.#stage.fail('bounds', `more than ${String(EVENTS_MAX)} events in one world`);
    return this.#stage.violation !== null;
  }

  /** A node stops of itself when its disk fails; anything else is a bug. It is started again like after a crash. */
  #stopped(node: SimNode, error: Error): void {
    const alone = this.#stage.plan.voters.length === 1;
    // A sync that failed in a scrub stops it at the next batch: the store takes nothing more (D6).
    const failedSync = error instanceof SnapcommitError && ['OUTCOME_UNKNOWN', 'LOG_LATCHED'].includes(error.code);
    const expected = failedSync || (error instanceof SnapcommitError && alone && error.code === 'LOG_CORRUPT');
    if (!expected) return this.#stage.fail('stopped', `${node.name} stopped: ${error.stack ?? error.message}`);
    this.#stage.scheduler.after(1, () => {
      this.#stage.do(() => node.kill());
    });
    this.#stage.scheduler.after(300, () => {
      this.#stage.do(() => node.start());
    });
  }

  async #act(item: PlanItem): Promise<void> {
    if (item.kind !== 'append' && item.kind !== 'read') this.#stage.note('*', JSON.stringify(item));
    switch (item.kind) {
      case 'append':
        return this.#append(item);
      case 'commit':
        return this.#transactions.run(item);
      case 'read':
        return this.#clients.read(item.node);
      case 'crash':
        this.#stage.tally.count('crash');
        await this.#stage.node(item.node).kill();
        this.#stage.later(item.forMs, () => this.#stage.node(item.node).start());
        return;
      case 'pause':
        return this.#pause(this.#stage.node(item.node), item.forMs);
      case 'cut':
        return this.#cut(item.from, item.to, item.forMs);
      case 'weather':
        this.#stage.tally.count('bad weather');
        this.#network.weather = item.weather;
        this.#stage.later(item.forMs, async () => {
          this.#network.weather = FAIR;
        });
        return;
      case 'clock':
        this.#stage.tally.count('clock stepped');
        this.#stage.node(item.node).clockMs += item.byMs;
        return;
      case 'full':
        this.#stage.tally.count('disk full');
        this.#stage.node(item.node).disk.isFull = true;
        this.#stage.later(item.forMs, async () => {
          this.#stage.node(item.node).disk.isFull = false;
        });
        return;
      case 'slow':
        this.#stage.tally.count('disk slow');
        this.#stage.node(item.node).slow = true;
        this.#stage.later(item.forMs, async () => {
          this.#stage.node(item.node).slow = false;
        });
        return;
      case 'hang':
        this.#stage.tally.count('disk hung');
        this.#stage.node(item.node).hangs = true;
        this.#stage.later(item.forMs, async () => {
          this.#stage.node(item.node).hangs = false;
        });
        return;
      case 'failSync':
        this.#stage.tally.count('sync failed');
        this.#stage.node(item.node).disk.nextSync = item.done ? 'failsDone' : 'failsUndone';
        return;
      case 'damage':
        return this.#disks.damage(this.#stage.node(item.node), item.how);
      case 'keep':
        this.#stage.kept.set(item.node, this.#stage.node(item.node).disk.copy());
        return;
      case 'rollBack':
        return this.#disks.rollBack(this.#stage.node(item.node));
      case 'clone':
        return this.#clones.begin(item);
      case 'wipe':
        return this.#disks.wipe(this.#stage.node(item.node));
      case 'members':
      case 'transfer':
      case 'checkpoint':
      case 'scrub':
        return this.#clients.command(item);
      default:
        unreachable(item);
    }
  }

  async #append({ node, volume, adds, request }: Extract<PlanItem, { readonly kind: 'append' }>): Promise<void> {
    const operation = this.#stage.history.invoke(changing(volume, adds), request);
    await this.#clients.append(operation, node, request ? 2 : 0);
  }

  async #pause(node: SimNode, forMs: number): Promise<void> {
    const running = node.process;
    if (running === null) return;
    this.#stage.tally.count('pause');
    running.paused = true;
    this.#stage.later(forMs, async () => {
      running.resume();
    });
  }

  async #cut(from: readonly string[], to: readonly string[], forMs: number): Promise<void> {
    const links = from.flatMap((a) => to.filter((b) => a !== b).map((b) => [a, b] as const));
    const both = links.some(([a, b]) => links.some(([c, d]) => a === d && b === c));
    this.#stage.tally.count(both ? 'partition' : 'partition one way');
    for (const [a, b] of links) this.#network.cut(a, b);
    this.#stage.later(forMs, async () => {
      for (const [a, b] of links) this.#network.mend(a, b);
    });
  }
}

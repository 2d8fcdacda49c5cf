/** The second phase of a world: everything works again, and the cluster has to. */
import { stateHash } from '#src/log/codec.js';
import type { ReplicaHost } from '#src/log/replica-host.js';
import type { Clients } from './clients.js';
import { changing } from './operations.js';
import { FAIR, type Network } from './network.js';
import type { Stage } from './stage.js';

const LIVENESS_MS = 30_000;

export class Liveness {
  readonly #stage: Stage;
  readonly #network: Network;
  readonly #clients: Clients;
  readonly #isOver: () => boolean;

  constructor(stage: Stage, network: Network, clients: Clients, isOver: () => boolean) {
    this.#stage = stage;
    this.#network = network;
    this.#clients = clients;
    this.#isOver = isOver;
  }

  async run(): Promise<void> {
    this.#stage.healed = true;
    this.#stage.note('*', 'everything works again');
    this.#network.mendAll();
    this.#network.weather = FAIR;
    for (const node of this.#stage.nodes.values()) {
      node.disk.isFull = false;
      node.disk.nextSync = 'succeeds';
      node.slow = false;
      node.hangs = false;
      node.process?.resume();
      this.#stage.do(() => node.start());
    }
    const until = this.#stage.scheduler.now + LIVENESS_MS;
    const done = new Set<string>();
    while (this.#stage.scheduler.now < until) {
      const members = this.#members();
      for (const name of members) if (!done.has(name)) this.#stage.do(() => this.#tryOut(name, done));
      await this.#stage.scheduler.run(this.#stage.scheduler.now + 500, () => this.#isOver());
      if (this.#stage.violation !== null || this.#isEven(done)) return;
    }
    this.#stage.fail('liveness', `after ${String(LIVENESS_MS)} ms without a fault: ${this.#describe(done)}`);
  }

  /** An append and a read on this node. */
  async #tryOut(name: string, done: Set<string>): Promise<void> {
    const host = this.#stage.node(name).host;
    if (host === null) return;
    const operation = this.#stage.history.invoke(changing('v1', true), false);
    const before = this.#stage.history.acknowledged;
    await this.#clients.append(operation, name, 0);
    if (this.#stage.history.acknowledged === before) return;
    await this.#clients.read(name);
    done.add(name);
  }

  #members(): readonly string[] {
    const known = this.#hosts().map((host) => host.replicaStatus().configuration);
    const [newest = null] = known.sort((a, b) => b.id - a.id);
    return newest === null ? [] : [...newest.voters, ...newest.learners];
  }

  #hosts(): readonly ReplicaHost[] {
    return [...this.#stage.nodes.values()].flatMap(({ host }) => {
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
    return this.#archivesAreWhole(members) && new Set(hosts.map((host) => stateHash(host.staleState()))).size === 1;
  }

  /** A scrub finds damage, and a peer's checkpoint heals it; who is alone has none. */
  #archivesAreWhole(members: readonly string[]): boolean {
    if (members.length === 1) return true;
    return members.every((name) =>
      [...this.#stage.node(name).disk.contents.archive.values()].every(
        (records) => ![...records.values()].includes('damaged'),
      ),
    );
  }

  #describe(done: ReadonlySet<string>): string {
    const lines = [...this.#stage.nodes.values()].map((node) => {
      const host = this.#hosts().find((one) => one === node.host);
      if (host === undefined) return `${node.name} is down`;
      const { role, standing, leader, ballot, configuration, lastSlot, decidedSlot, appliedSlot } =
        host.replicaStatus();
      return `${node.name} ${role} ${standing} leader ${String(leader)} ballot ${String(ballot.round)}.${ballot.node} configuration ${String(configuration.id)} (${configuration.voters.join()}/${configuration.learners.join()}) last ${String(lastSlot)} decided ${String(decidedSlot)} applied ${String(appliedSlot)}${done.has(node.name) ? ' answered' : ''}`;
    });
    return lines.join('; ');
  }
}

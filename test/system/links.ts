/**
 * Which daemons are connected, as a transport would tell each of them: at once when a process ends, after a while when a
 * machine or the network between two is silent.
 */
import type { Network } from '../simulation/network.js';
import type { Scheduler } from '../simulation/scheduler.js';
import type { Machine } from './machine.js';

/** Between two looks at all links. */
const LOOK_MS = 20;
/** A link over which nothing comes is given up after this long. */
const SILENT_MS = 200;

interface Link {
  readonly from: Machine;
  readonly to: Machine;
  /** The daemons at both ends; null: there is none. */
  between: readonly [unknown, unknown] | null;
  silentSince: number | null;
  lostAt: number;
}

export class Links {
  readonly #scheduler: Scheduler;
  readonly #network: Network;
  readonly #links: readonly Link[];

  constructor(scheduler: Scheduler, network: Network, machines: readonly Machine[]) {
    this.#scheduler = scheduler;
    this.#network = network;
    this.#links = machines.flatMap((from) =>
      machines
        .filter((to) => to !== from)
        .map((to): Link => ({ from, to, between: null, silentSince: null, lostAt: 0 })),
    );
  }

  start(): void {
    this.#scheduler.after(LOOK_MS, () => {
      for (const link of this.#links) this.#look(link);
      this.start();
    });
  }

  /** For how long `from` has had no connection to `to`; null: it has one. */
  unreachableForMs(from: string, to: string): number | null {
    const link = this.#links.find((one) => one.from.name === from && one.to.name === to);
    if (link?.between !== null) return null;
    return this.#scheduler.now - link.lostAt;
  }

  #look(link: Link): void {
    const { from, to } = link;
    if (from.daemon === null) {
      link.between = null;
      return;
    }
    const ends = [from.daemon.process, to.daemon?.process ?? null] as const;
    const [here, there] = link.between ?? ends;
    if (here !== ends[0] || (to.isUp && there !== ends[1])) this.#lose(link);
    if (link.between === null) {
      if (ends[1] !== null && this.#carries(link) && !ends[1].running.paused && !ends[0].running.paused) {
        link.between = ends;
        link.silentSince = null;
        from.daemon.parts.connected(to.name);
      }
      return;
    }
    if (this.#carries(link)) link.silentSince = null;
    else if (link.silentSince === null) link.silentSince = this.#scheduler.now;
    else if (this.#scheduler.now - link.silentSince >= SILENT_MS) this.#lose(link);
  }

  #carries({ from, to }: Link): boolean {
    return to.isUp && !this.#network.isCut(from.name, to.name) && !this.#network.isCut(to.name, from.name);
  }

  #lose(link: Link): void {
    link.between = null;
    link.lostAt = this.#scheduler.now;
    link.from.daemon?.parts.disconnected(link.to.name);
  }
}

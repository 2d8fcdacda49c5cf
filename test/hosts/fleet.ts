/**
 * Three nodes with volumes on this machine: each with a network namespace, a state directory on a disk of its own, a daemon,
 * two btrfs volumes on loop devices and a cgroup for its writer; and the group `app` over all volumes. Everything is taken
 * away when the test ends, however it ends.
 */
import type { Test } from 'tap';
import { found } from '../cluster/found.js';
import { makeMachines } from '../cluster/machines.js';
import type { Cut, Network } from '../cluster/network.js';
import { atEnd, attempt } from '../support/at-end.js';
import { until } from '../support/until.js';
import { Host } from './host.js';

export interface FleetOptions {
  readonly hosts?: number;
  readonly volumesPerHost?: number;
  /** For config.json; by default waits are short, so that a test that must see them end does not take minutes. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly stallLimit?: string;
}

const IMPATIENT = { takeOverGraceMs: 500, lockWaitMs: 4_000 };

export class Fleet {
  readonly directory: string;
  readonly network: Network;
  readonly hosts: readonly Host[];

  constructor(directory: string, network: Network, hosts: readonly Host[]) {
    this.directory = directory;
    this.network = network;
    this.hosts = hosts;
  }

  host(index: number): Host {
    const found = this.hosts[index];
    if (found === undefined) throw new Error(`there is no host ${String(index)}`);
    return found;
  }

  others(host: Host): readonly Host[] {
    return this.hosts.filter((other) => other !== host);
  }

  /** Who leads the log, as `by` sees it; waits for one. */
  async leader(by: Host): Promise<Host> {
    let leader: Host | undefined;
    await until('a leader', async () => {
      const { leader: name } = (await by.ask('cluster', 'status')) as { leader: string | null };
      leader = this.hosts.find(({ node, member }) => node === name && member.isRunning);
      return leader !== undefined;
    });
    if (leader === undefined) throw new Error('nobody leads');
    return leader;
  }

  /** Resolves when every daemon can reach every other one; otherwise tells what the daemons said last. */
  async together(): Promise<void> {
    for (const host of this.hosts) {
      let missing: readonly string[] = [];
      try {
        await until(`${host.node} reaches everybody`, async () => {
          missing = await unreachableBy(host);
          return missing.length === 0;
        });
      } catch (error) {
        const words = this.hosts.map(({ node, member }) => `--- the daemon of ${node}:\n${member.lastWords}`);
        throw new Error(`${String(error)}; not ${missing.join(', ')}\n${words.join('\n')}`, { cause: error });
      }
    }
  }

  /** Nobody hears that host, nor does it hear anybody, until `heal`. */
  isolate(host: Host): void {
    const cuts = this.others(host).flatMap((other): readonly Cut[] => [
      { from: host.member.number, to: other.member.number },
      { from: other.member.number, to: host.member.number },
    ]);
    this.network.cut(cuts);
  }

  heal(): void {
    this.network.cut([]);
  }

  mark(marker: string): void {
    for (const host of this.hosts) host.mark(marker);
  }
}

/** Resolves when all daemons serve and vote, and the group stands. */
export async function makeFleet(t: Pick<Test, 'teardown'>, options: FleetOptions = {}): Promise<Fleet> {
  const { directory, network, members } = makeMachines(t, options.hosts ?? 3, options.settings ?? IMPATIENT);
  const hosts: Host[] = [];
  // Whoever still writes is ended before its disk is taken away: the daemons here, what is in cgroups with these, which are
  // made later and so removed earlier.
  t.teardown(
    atEnd(() => {
      for (const member of members) member.endAll();
      for (const host of hosts) attempt(() => host.unmount());
    }),
  );
  for (const member of members) hosts.push(new Host(t, member, directory, options.volumesPerHost ?? 2));
  await found(members, directory);
  const fleet = new Fleet(directory, network, hosts);
  await makeGroup(fleet, options.stallLimit);
  return fleet;
}

/** Whom that host cannot reach, and since when. */
async function unreachableBy(host: Host): Promise<readonly string[]> {
  const { members } = (await host.ask('cluster', 'status')) as {
    readonly members: readonly { readonly node: string; readonly unreachableSince: string | null }[];
  };
  return members.flatMap(({ node, unreachableSince }) =>
    unreachableSince === null ? [] : [`${node} since ${unreachableSince}`],
  );
}

async function makeGroup({ hosts }: Fleet, stallLimit: string | undefined): Promise<void> {
  for (const host of hosts) {
    await host.cgroup.start('/usr/bin/sleep', 'infinity');
    for (const { name, live } of host.volumes) await host.ask('volume', 'add', name, '--source', live);
  }
  const volumes = hosts.flatMap((host) => host.volumes.flatMap(({ name }) => ['--volume', name]));
  const writers = hosts.flatMap(({ node, cgroup }) => ['--freeze-cgroup', `${node}:${cgroup.cgroup}`]);
  const limit = stallLimit === undefined ? [] : ['--stall-limit', stallLimit];
  await hosts[0]?.ask('group', 'create', 'app', ...volumes, ...writers, ...limit);
}

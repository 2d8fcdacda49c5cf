/**
 * Three nodes with volumes on this machine: each with a network namespace, a state directory on a disk of its own, a daemon,
 * two btrfs volumes on loop devices and a cgroup for its writer; and the group `app` over all volumes. Everything is taken
 * away when the test ends, however it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Test } from 'tap';
import { found } from '../cluster/found.js';
import { Member } from '../cluster/member.js';
import { Network, type Cut } from '../cluster/network.js';
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
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

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
  const size = options.hosts ?? 3;
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-hosts-'));
  const network = new Network(size);
  const members = Array.from({ length: size }, (_, number) => new Member(network, directory, number));
  const hosts: Host[] = [];
  const clean = (): void => {
    process.off('exit', clean);
    for (const signal of SIGNALS) process.off(signal, exitOnSignal);
    for (const host of hosts) host.endNow();
    for (const member of members) attempt(() => member.end());
    for (const host of hosts) attempt(() => host.unmount());
    for (const member of members) attempt(() => member.disk.remove());
    network.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  t.teardown(clean);
  for (const signal of SIGNALS) process.once(signal, exitOnSignal);
  try {
    network.build();
    for (const member of members) {
      member.prepare(options.settings ?? IMPATIENT);
      hosts.push(new Host(t, member, directory, options.volumesPerHost ?? 2));
    }
  } finally {
    // After those of the cgroups: whoever still writes is ended before its disk is taken away.
    process.once('exit', clean);
  }
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

function attempt(action: () => void): void {
  try {
    action();
  } catch (error) {
    // The rest is taken away all the same.
    console.error(error);
  }
}

/** So that what was made is taken away (`exit`). */
function exitOnSignal(): void {
  process.exit(1);
}

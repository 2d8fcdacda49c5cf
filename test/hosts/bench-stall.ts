/**
 * How long the writers of three hosts stand still, by the participants' own word (from the first freeze until the thaw), and
 * how that grows with the number of volumes: against the slowest of the hosts alone, with as many volumes as it has there.
 */
import { join } from 'node:path';
import { at } from '../support/answers.js';
import { tool } from '../support/world.js';
import { median, ms, type Row } from './bench-table.js';
import type { Fleet } from './fleet.js';
import type { Host } from './host.js';

/** Volumes over all hosts. */
const TOTALS = [2, 6, 16, 32, 64];
/** The sum of three equal hosts would be 3. */
const GROWTH_MOST = 2;

export async function measureStall(fleet: Fleet, rounds: number): Promise<readonly Row[]> {
  const own = fleet.hosts.map(({ volumes }) => volumes.map(({ name }) => name));
  await makeGroup(fleet, 'six', own);
  const stall = await stallOf(fleet, 'six', rounds);
  const rows: Row[] = [
    {
      what: 'stall of a barrier commit, 3 hosts × 2 volumes, writers on all',
      measured: ms(stall),
      goal: '',
      reached: null,
    },
  ];
  const all = await addVolumes(fleet, Math.ceil((TOTALS.at(-1) ?? 0) / fleet.hosts.length));
  for (const total of TOTALS) {
    const shares = all.map((names, index) => names.slice(0, Math.floor((total + index) / fleet.hosts.length)));
    rows.push(await growth(fleet, total, shares, rounds));
  }
  return rows;
}

async function growth(
  fleet: Fleet,
  total: number,
  shares: readonly (readonly string[])[],
  rounds: number,
): Promise<Row> {
  const name = `all${String(total)}`;
  await makeGroup(fleet, name, shares);
  const together = await stallOf(fleet, name, rounds);
  const alone: number[] = [];
  for (const [index, share] of shares.entries()) {
    if (share.length === 0) continue;
    const only = `only${String(total)}-${String(index)}`;
    await makeGroup(
      fleet,
      only,
      shares.map((each, other) => (other === index ? each : [])),
    );
    alone.push(await stallOf(fleet, only, rounds));
  }
  const slowest = Math.max(...alone);
  const sum = alone.reduce((all, each) => all + each, 0);
  return {
    what: `stall, ${String(total)} volumes over ${String(alone.length)} hosts`,
    measured: `${ms(together)}; slowest host alone ${ms(slowest)}, sum ${ms(sum)}: ratio ${(together / slowest).toFixed(2)}`,
    goal: `at most ${String(GROWTH_MOST)} × the slowest`,
    reached: together <= GROWTH_MOST * slowest,
  };
}

/** Further subvolumes on the hosts' filesystems, so that each host has `count` volumes; their names by host. */
async function addVolumes({ hosts }: Fleet, count: number): Promise<readonly (readonly string[])[]> {
  return Promise.all(
    hosts.map(async (host) => {
      const names = host.volumes.map(({ name }) => name);
      for (let made = names.length; made < count; made += 1) names.push(await addVolume(host, made));
      return names;
    }),
  );
}

async function addVolume(host: Host, number: number): Promise<string> {
  const name = `${host.node}x${String(number)}`;
  const mount = host.volumes[number % host.volumes.length]?.mount ?? '';
  const source = join(mount, `extra-${String(number)}`);
  tool('btrfs', '--quiet', 'subvolume', 'create', source);
  await host.ask('volume', 'add', name, '--source', source);
  return name;
}

async function makeGroup({ hosts }: Fleet, name: string, shares: readonly (readonly string[])[]): Promise<void> {
  const volumes = shares.flat().flatMap((volume) => ['--volume', volume]);
  const writers = hosts
    .filter((_, index) => (shares[index]?.length ?? 0) > 0)
    .flatMap(({ node, cgroup }) => ['--freeze-cgroup', `${node}:${cgroup.cgroup}`]);
  await hosts[0]?.ask('group', 'create', name, ...volumes, ...writers);
}

async function stallOf(fleet: Fleet, group: string, rounds: number): Promise<number> {
  const values: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const made = await fleet.host(0).ask('commit', group, '--require', 'barrier');
    values.push(Number(at(made, 'consistency.stallMs')));
  }
  return median(values);
}

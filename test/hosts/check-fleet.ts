/**
 * What must hold of all nodes once nothing is under way any more, looked at from outside: on the disks without any code of
 * snapcommit's, and in each node's own words through the library.
 */
import { readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { openNode } from '#src/index.js';
import { until } from '../support/until.js';
import { readMarker } from '../support/world.js';
import type { Fleet } from './fleet.js';
import type { Host } from './host.js';
import { relayViolations } from './relay.js';

export interface Expected {
  /** Whether the writers of relay-process.ts run: every generation must tie out. */
  readonly writers?: boolean;
}

/** Has it recovered from one node, waits until nothing is under way, and answers what is wrong, one sentence each. */
export async function problemsAfterRecovery(
  fleet: Fleet,
  expected: Expected = {},
  by: Host = fleet.host(0),
): Promise<readonly string[]> {
  await withNode(by, async (node) => node.recover(false));
  let problems: readonly string[] = [];
  try {
    await until('everything is as it must be', async () => {
      // A node that has only just been let back among the others may not answer yet.
      problems = await problemsOf(fleet, expected).catch((error: unknown) => [String(error)]);
      return problems.length === 0;
    });
  } catch {
    return problems;
  }
  return [];
}

export async function problemsOf(fleet: Fleet, expected: Expected = {}): Promise<readonly string[]> {
  const generations = publishedOn(fleet.host(0).volumes[0]?.publish ?? '');
  return [
    ...wholeness(fleet, generations),
    ...(expected.writers === true ? order(fleet, generations) : []),
    ...fleet.hosts.flatMap((host) => [...views(host, Math.max(0, ...generations)), ...leftovers(host)]),
    ...(await ownWords(fleet, generations)),
  ];
}

/** The generations that stand in a publish directory. */
export function publishedOn(directory: string): readonly number[] {
  return readdirSync(directory)
    .flatMap((name) => /^app@(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** The trees of a generation, in the order in which the writers write. */
export function treesOf(fleet: Fleet, generation: number, group = 'app'): readonly string[] {
  return volumesOf(fleet).map(({ publish }) => join(publish, `${group}@${String(generation)}`));
}

function volumesOf({ hosts }: Fleet) {
  return hosts.flatMap(({ volumes }) => volumes);
}

/** Every generation is on every volume of every node, and its trees belong together. */
function wholeness(fleet: Fleet, generations: readonly number[]): readonly string[] {
  const parts = volumesOf(fleet).map(({ name, publish }) => ({ name, here: publishedOn(publish).join() }));
  const differing = parts.filter(({ here }) => here !== generations.join());
  if (differing.length > 0)
    return differing.map(({ name, here }) => `${name} has generations ${here}, the first volume ${generations.join()}`);
  return generations.flatMap((generation) => {
    const markers = treesOf(fleet, generation).map(readMarker);
    return new Set(markers).size === 1 ? [] : [`app@${String(generation)} is a mix: ${markers.join(', ')}`];
  });
}

function order(fleet: Fleet, generations: readonly number[]): readonly string[] {
  return generations.flatMap((generation) =>
    relayViolations(treesOf(fleet, generation)).map((violation) => `app@${String(generation)}: ${violation}`),
  );
}

/** The view and every `current` of a node show the newest generation. */
function views({ volumes, stateDirectory }: Host, newest: number): readonly string[] {
  if (newest === 0) return [];
  const wanted = `app@${String(newest)}`;
  const view = join(stateDirectory, 'views', 'app');
  const shown = readlinkSync(join(view, 'current'));
  const links = volumes.flatMap(({ name, publish }) =>
    [join(publish, 'app@current'), join(view, 'current', name)].map((link) => ({
      link,
      target: join(publish, wanted),
    })),
  );
  return [
    ...(shown === wanted ? [] : [`${view} shows ${shown}, not ${wanted}`]),
    ...links.flatMap(({ link, target }) => {
      const found = realpathSync(link);
      return found === target ? [] : [`${link} leads to ${found}`];
    }),
  ];
}

function leftovers(host: Host): readonly string[] {
  const hidden = host.volumes.flatMap(({ mount, publish }) => [
    ...readdirSync(publish)
      .filter((name) => /^\.(staged|clone|trash)~|\.new$/.test(name))
      .map((name) => join(publish, name)),
    ...readdirSync(mount)
      .filter((name) => name !== 'live' && name !== '.snapcommit')
      .map((name) => join(mount, name)),
  ]);
  const rooms = ['freeze', 'owed'].flatMap((room) =>
    namesIn(join(host.stateDirectory, room))
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(room, name)),
  );
  const locks = namesIn(join(host.stateDirectory, 'locks')).filter((name) => name.startsWith('transaction-'));
  const isFrozen = host.cgroup.requested() || host.cgroup.frozen();
  return [
    ...[...hidden, ...rooms, ...locks].map((path) => `on ${host.node} ${path} is left over`),
    ...(isFrozen ? [`the writers on ${host.node} are frozen`] : []),
  ];
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

/** Every node says the same, and it is what stands on the disks; nobody finds anything to do. */
async function ownWords(fleet: Fleet, generations: readonly number[]): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const host of fleet.hosts) {
    const say = (problem: string): void => void problems.push(`${host.node}: ${problem}`);
    await withNode(host, async (node) => {
      const { groups, frozen } = await node.status();
      const group = groups.find((each) => each.group === 'app');
      if (group?.open !== null) say(`a transaction is open: ${String(group?.open)}`);
      if ((group?.pendingPublish.length ?? 0) > 0) say('something waits to be published');
      if (frozen.length > 0) say(`frozen: ${frozen.join()}`);
      const listed = (await node.list('app')).map((report) => report.generation);
      if (listed.join() !== generations.join()) say(`listed ${listed.join()}, on disk ${generations.join()}`);
      for (const { problem } of (await node.verify(null, null)).problems) say(`verify: ${problem}`);
      for (const { action, target, reason } of (await node.recover(true)).actions)
        say(`recover would still ${action} ${target}: ${reason}`);
    });
  }
  return problems;
}

async function withNode<T>(
  { stateDirectory }: Host,
  action: (node: Awaited<ReturnType<typeof openNode>>) => Promise<T>,
): Promise<T> {
  const node = await openNode({ stateDirectory });
  try {
    return await action(node);
  } finally {
    node.close();
  }
}

/**
 * What must hold of a world after recovery, looked at from outside: on the disks without any code of snapcommit's, and
 * in its own words through the library.
 */
import { accessSync, constants, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { openNode } from '#src/index.js';
import { leftInDatasets } from './pools.js';
import { readMarker, type WorldParts } from './world.js';

/** Everything that is wrong, one sentence each; empty: nothing. `allowed`: the markers that the live trees may show. */
export async function problemsOf(world: WorldParts, allowed: readonly string[]): Promise<readonly string[]> {
  const generations = published(world);
  return [
    ...wholeness(world, generations),
    ...views(world, Math.max(0, ...generations)),
    ...leftovers(world),
    ...lives(world, allowed),
    ...(await ownWords(world, generations)),
  ];
}

/** The generations that stand on the first volume. */
export function published(world: WorldParts): readonly number[] {
  const [first] = world.volumes;
  return first === undefined ? [] : publishedOn(first.publish);
}

function publishedOn(directory: string): readonly number[] {
  return readdirSync(directory)
    .flatMap((name) => /^app@(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Every generation is on every volume, and its trees belong together. */
function wholeness(world: WorldParts, generations: readonly number[]): readonly string[] {
  const problems: string[] = [];
  for (const { name, publish } of world.volumes) {
    const here = publishedOn(publish);
    if (here.join() !== generations.join()) {
      problems.push(`generations differ: ${name} has ${here.join()}, the first volume ${generations.join()}`);
    }
  }
  for (const generation of generations) {
    const markers = world.volumes.map(({ publish }) => markerOf(join(publish, `app@${String(generation)}`)));
    if (new Set(markers).size !== 1) problems.push(`app@${String(generation)} is a mix: ${markers.join(', ')}`);
  }
  return problems;
}

function markerOf(tree: string): string {
  try {
    return readMarker(tree);
  } catch {
    return 'none';
  }
}

/** The view and every `current` show the newest generation. */
function views(world: WorldParts, newest: number): readonly string[] {
  if (newest === 0) return [];
  const wanted = `app@${String(newest)}`;
  const view = join(world.stateDirectory, 'views', 'app');
  const problems: string[] = [];
  const shown = readlinkSync(join(view, 'current'));
  if (shown !== wanted) problems.push(`the view shows ${shown}, not ${wanted}`);
  for (const { name, publish } of world.volumes) {
    for (const link of [join(publish, 'app@current'), join(view, 'current', name)]) {
      const target = whereTo(link);
      if (target === null || target !== whereTo(join(publish, wanted)))
        problems.push(`${link} leads to ${target ?? 'nothing'}`);
    }
  }
  return problems;
}

function whereTo(link: string): string | null {
  try {
    return realpathSync(link);
  } catch {
    return null;
  }
}

function leftovers(world: WorldParts): readonly string[] {
  const problems: string[] = [];
  for (const { mount, publish, dataset } of world.volumes) {
    const hidden = readdirSync(publish).filter((name) => /^\.(staged|clone|trash)~|\.new$/.test(name));
    problems.push(...hidden.map((name) => `${publish}/${name} is left over`));
    const beside = readdirSync(mount).filter((name) => name !== 'live' && name !== '.snapcommit');
    problems.push(...beside.map((name) => `${mount}/${name} is left over`));
    if (dataset !== null) problems.push(...leftInDatasets(dataset));
  }
  for (const room of ['freeze', 'owed']) {
    const names = readdirSync(join(world.stateDirectory, room)).filter((name) => name.endsWith('.json'));
    problems.push(...names.map((name) => `${room}/${name} is left over`));
  }
  const transactions = readdirSync(join(world.stateDirectory, 'locks')).filter((name) =>
    name.startsWith('transaction-'),
  );
  problems.push(...transactions.map((name) => `locks/${name} is left over`));
  if (world.cgroup?.requested() === true || world.cgroup?.frozen() === true) problems.push('the writers are frozen');
  return problems;
}

/** The live trees belong together, show what they may, and are writable. */
function lives(world: WorldParts, allowed: readonly string[]): readonly string[] {
  const problems: string[] = [];
  const markers = world.liveMarkers();
  if (new Set(markers).size !== 1) problems.push(`the live trees are a mix: ${markers.join(', ')}`);
  const [marker = ''] = markers;
  if (!allowed.includes(marker)) problems.push(`the live trees show ${marker}, not one of ${allowed.join(', ')}`);
  for (const { live } of world.volumes) {
    try {
      accessSync(live, constants.W_OK);
    } catch {
      problems.push(`${live} is not writable`);
    }
  }
  return problems;
}

async function ownWords(world: WorldParts, generations: readonly number[]): Promise<readonly string[]> {
  const node = await openNode({ stateDirectory: world.stateDirectory });
  try {
    const problems: string[] = [];
    const { groups, frozen } = await node.status();
    const [group] = groups;
    if (group?.open !== null) problems.push(`a transaction is open: ${String(group?.open)}`);
    if ((group?.pendingPublish.length ?? 0) > 0) problems.push('something waits to be published');
    if (frozen.length > 0) problems.push(`frozen: ${frozen.join()}`);
    const listed = (await node.list('app')).map((report) => report.generation);
    if (listed.join() !== generations.join()) problems.push(`listed ${listed.join()}, on disk ${generations.join()}`);
    for (const { problem } of (await node.verify(null, null)).problems) problems.push(`verify: ${problem}`);
    const { actions } = await node.recover(false);
    for (const { action, target } of actions) problems.push(`a second recover still had to ${action} ${target}`);
    return problems;
  } finally {
    node.close();
  }
}

/** The log of a new simulated system: its members, its volumes, and the group of all of these. */
import { raiseStamp } from '#src/participant/stamps.js';
import type { Operation } from '#src/machine/entry.js';
import { slot } from '#src/paxos/contiguous-log.js';
import { CGROUP } from './application.js';
import { GROUP, STALL_LIMIT_MS } from './names.js';
import type { SystemWorld } from './system-world.js';
import type { PlacedVolume, WorldOptions } from './world-options.js';

/** Somebody must lead already. */
export async function foundSystem(world: SystemWorld, { nodes, hooks }: WorldOptions): Promise<void> {
  for (const node of nodes) await append(world, { type: 'putMember', node, address: `${node}:7000` });
  for (const volume of world.volumes) await addVolume(world, volume);
  await append(world, {
    type: 'createGroup',
    group: {
      name: GROUP,
      volumes: world.volumes.map(({ name }) => name).sort(),
      freezeCgroups: [CGROUP],
      freezeUnits: [],
      stopUnits: [],
      require: null,
      stallLimitMs: STALL_LIMIT_MS,
      preHooks: hooks ? ['/hooks/pre'] : [],
      postHooks: hooks ? ['/hooks/post'] : [],
    },
  });
}

async function addVolume(world: SystemWorld, volume: PlacedVolume): Promise<void> {
  const { name, node, source, publishDirectory } = volume;
  const machine = world.machine(node);
  const place = { name, source, publishDirectory };
  machine.files.addDirectory(publishDirectory);
  await machine.driver.prepare(place);
  await raiseStamp(machine.files, publishDirectory, { cluster: 'sim', incarnation: 1, slot: slot(0) });
  machine.files.syncTree(publishDirectory);
  await append(world, {
    type: 'addVolume',
    volume: { ...place, node, driver: 'memory', filesystem: `memory:${source}` },
  });
}

async function append(world: SystemWorld, operation: Operation): Promise<void> {
  let done = false;
  const host = world.leader()?.daemon?.host;
  if (host === undefined) throw world.violation ?? new Error('nobody leads');
  world.do(async () => {
    const result = await host.append(operation);
    if (result.status !== 'chosen' || !result.outcome.ok) throw new Error(`not appended: ${JSON.stringify(result)}`);
    done = true;
  });
  await world.until(() => done, 5000, `answer to ${operation.type}`);
}

/** The commands over real volumes, through a daemon: as without one, and what a daemon adds. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { requireBtrfs } from '../support/requirements.js';
import { TestCluster, type TestMember } from '../support/cluster.js';
import { crash, transactArgs } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld, readMarker, type World } from '../support/world.js';

requireBtrfs(t);

/** A world of two btrfs volumes whose log is a cluster's only member, with its daemon running. */
async function served(t: Test): Promise<{ world: World; member: TestMember }> {
  const world = await makeWorld(t, { hooks: true });
  const cluster = new TestCluster(t);
  const member = cluster.machine('host', world.stateDirectory);
  await member.ask('cluster', 'init', '--address', member.address);
  await member.start();
  return { world, member };
}

t.test('commit, read, change, go back, keep, prune and verify', async (t) => {
  const { world } = await served(t);
  world.mark('one');
  t.match(await world.ask('commit', 'app', '--request-id', 'r1'), {
    generation: 1,
    consistency: { grade: 'independent' },
  });
  t.match(await world.ask('commit', 'app', '--request-id', 'r1'), { generation: 1 }, 'a request is done once');
  t.match(await world.ask(...transactArgs(world, 'two')), { generation: 2 });
  t.same(world.liveMarkers(), ['two', 'two']);
  const opened = (await world.ask('open', 'app@1')) as { volumes: Record<string, { path: string }> };
  t.same(
    Object.values(opened.volumes).map(({ path }) => readMarker(path)),
    ['one', 'one'],
  );
  const seen = await world.cli(['exec', 'app@1', '--', '/bin/cat', join(world.volume('db').live, 'marker')]);
  t.equal(seen.stdout.trim(), 'one');
  t.match(await world.ask('restore', 'app@1'), { generation: 3, sourceGeneration: 1 });
  t.same(world.liveMarkers(), ['one', 'one']);
  await world.ask('hold', 'add', 'app@1', '--tag', 'audit');
  t.match(await world.ask('prune', 'app', '--keep-last', '1'), { removed: [2] });
  t.match(await world.ask('verify'), { generations: 2, problems: [] });
  t.match(await world.ask('recover'), { actions: [] });
  t.match(await world.ask('status'), {
    engine: 'paxos',
    groups: [{ group: 'app', generation: 3, pendingPublish: [] }],
  });
});

t.test('a command that dies after the decision is finished by recovery, or by the next reader', async (t) => {
  const { world } = await served(t);
  world.mark('one');
  await crash(world, ['commit', 'app'], 'commit.after');
  t.match(await world.ask('open', 'app'), { generation: 1 }, 'a reader finishes it');
  await crash(world, ['commit', 'app'], 'stage.after');
  // The daemon's caretaker may have been quicker with the abort, so what is left for the command differs.
  await world.ask('recover');
  t.match(await world.ask('recover'), { actions: [] }, 'one recovery does all that is left');
  t.match(await world.ask('status'), { groups: [{ group: 'app', generation: 1, open: null }] });
  t.match(await world.ask('list', 'app'), [{ generation: 1, state: 'published' }]);
});

t.test('what was committed while the daemon is down is published when it starts', async (t) => {
  const { world, member } = await served(t);
  await crash(world, ['commit', 'app'], 'commit.after');
  await member.end('SIGKILL');
  const published = join(world.volume('db').publish, 'app@1');
  await member.start();
  await until('it is published', async () => {
    const [generation] = (await world.ask('list', 'app')) as { state: string }[];
    return generation?.state === 'published';
  });
  t.equal(readMarker(published), 'start');
});

t.test('a daemon that restarts under a commit is waited for', async (t) => {
  const { world, member } = await served(t);
  const gate = join(world.directory, 'gate');
  writeFileSync(
    join(world.directory, 'pre-hook'),
    `#!/bin/sh\ntouch ${gate}; while [ -e ${gate} ]; do sleep 0.05; done\n`,
  );
  const running = world.start(['commit', 'app']);
  await until('the hook runs', () => existsSync(gate));
  await member.end('SIGKILL');
  rmSync(gate);
  await member.start();
  t.equal((await running.done).status, 0);
  t.match(await world.ask('list', 'app'), [{ generation: 1, state: 'published' }]);
});

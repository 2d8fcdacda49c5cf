// test-timeout-seconds: 240
/** Nodes that come to their end: one is drained, one dies and its disks go into another, one is lost with its volumes. */
import { join } from 'node:path';
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { until } from '../support/until.js';
import { readMarker } from '../support/world.js';
import { problemsAfterRecovery, publishedOn } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { COMMIT } from './trial.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

const fleet = await makeFleet(t);
const [north, east, south] = [fleet.host(0), fleet.host(1), fleet.host(2)];
const [disk, otherDisk] = south.volumes;
if (disk === undefined || otherDisk === undefined) throw new Error('each host has two volumes');
fleet.mark('first');
await north.ask(...COMMIT);

await t.test('a node that is drained begins nothing any more, and goes on when it is let', async (t) => {
  t.match(await north.ask('cluster', 'drain', east.node), {
    node: 'n1',
    draining: true,
    volumes: ['n1v0', 'n1v1'],
    groups: ['app'],
    transactions: [],
    pendingPublish: [],
    pins: [],
  });
  for (const host of [north, east]) {
    const refused = await host.cli(COMMIT);
    t.equal(refused.status, 4, `on ${host.node}: ${refused.stdout}`);
    t.match(textAt(refused.json, 'error.message'), /Node n1 is draining, so volume n1v0 of group app/);
  }
  t.match(await east.ask('open', 'app'), { generation: 1 }, 'what is there is read as before');
  const said = await north.read('cluster', 'remove', east.node);
  t.equal(said.status, 4, 'it is not removed with what it has');
  t.match(said.stderr, /n1v0, n1v1/);
  t.match(await south.ask('cluster', 'undrain', east.node), { draining: false });
  t.equal(at(await north.ask(...COMMIT), 'generation'), 2);
  t.strictSame(await problemsAfterRecovery(fleet), []);
});

await t.test(
  'G8 the disks of a node that died work in another node, with what was still to be published',
  async (t) => {
    fleet.mark('third');
    // Once it hears of the commit it publishes by itself: it has to be down before.
    const running = await north.startStopped(COMMIT, 'commit.before');
    await south.kill();
    running.child.kill('SIGCONT');
    t.equal((await running.done).status, 9, 'it is committed, and waits for the dead node');
    t.notOk(publishedOn(disk.publish).includes(3));
    for (const volume of south.volumes) south.detach(volume);
    const [arrived, other] = [disk, otherDisk].map((volume) => east.attach(volume));
    if (arrived === undefined || other === undefined) throw new Error('both disks are in');

    const mistaken = await east.cli(['volume', 'move', disk.name, '--source', other.live]);
    t.not(mistaken.status, 0);
    t.equal(at(mistaken.json, 'error.code'), 'SOURCE_INVALID');
    t.match(
      textAt(mistaken.json, 'error.message'),
      /that is another disk/,
      'the filesystem’s identity tells them apart',
    );
    t.match(await north.ask('volume', 'show', disk.name), { node: 'n2', source: disk.live }, 'nothing was changed');

    for (const { name, live } of [arrived, other])
      t.match(await east.ask('volume', 'move', name, '--source', live), { name, node: 'n1', source: live });
    await until('what waited is published where the disks are now', async () => {
      const waiting = at(await north.ask('status'), 'groups.0.pendingPublish');
      return Array.isArray(waiting) && waiting.length === 0;
    });
    for (const { publish } of [arrived, other]) {
      t.strictSame(publishedOn(publish), [1, 2, 3]);
      t.equal(readMarker(join(publish, 'app@3')), 'third');
      t.equal(readMarker(join(publish, 'app@1')), 'first', 'its older generations travelled with it');
    }
    t.match(at(await east.ask('open', 'app'), `volumes.${disk.name}`), {
      node: 'n1',
      path: join(arrived.publish, 'app@3'),
    });
    t.match(at(await north.ask('open', 'app@1'), `volumes.${disk.name}`), { node: 'n1', path: null });
  },
);

await t.test('a group goes on with a disk that was moved, without its old node', async (t) => {
  const writers = [north, east].flatMap(({ node, cgroup }) => ['--freeze-cgroup', `${node}:${cgroup.cgroup}`]);
  await north.ask('group', 'update', 'app', ...writers);
  const made = await north.ask(...COMMIT);
  t.match(made, { generation: 4, state: 'published', consistency: { grade: 'barrier' } });
  t.match(await north.ask('verify', 'app'), { generations: 4, problems: [] });
  await south.restart();
  await fleet.together();
  t.strictSame(at(await south.ask('recover'), 'actions'), [], 'the old node does not miss its disks');
  t.match(await south.ask('open', 'app'), { generation: 4, volumes: { n2v0: { node: 'n1', path: null } } });
});

await t.test('a node that is lost is removed with its volumes, and the group is usable again', async (t) => {
  await east.kill();
  await until('it is missed', async () => {
    const { status } = await north.cli(COMMIT);
    return status === 6;
  });
  const refused = await north.cli(['cluster', 'remove', east.node]);
  t.equal(refused.status, 4, 'not while it has volumes');
  t.match(textAt(refused.json, 'error.message'), /n1v0, n1v1, n2v0, n2v1.*--forfeit-volumes/);
  t.match(await south.ask('cluster', 'remove', east.node, '--forfeit-volumes'), { voters: ['n0', 'n2'] });
  t.match(await north.ask('show', 'app@4'), { incomplete: true });
  const opened = await north.cli(['open', 'app']);
  t.equal(at(opened.json, 'error.code'), 'GENERATION_NOT_FOUND', 'what is incomplete is never the newest');
  const left = north.volumes.flatMap(({ name }) => ['--volume', name]);
  await north.ask('group', 'update', 'app', ...left);
  t.match(await north.ask(...COMMIT), { generation: 5, incomplete: false });
  t.match(await south.ask('open', 'app'), { generation: 5 });
});

await t.test('a node that nothing waits for is drained and removed', async (t) => {
  const said = await north.read('cluster', 'drain', south.node);
  t.match(said.stdout, /Nothing waits for it: `snapcommit cluster remove n2`/);
  t.match(await north.ask('cluster', 'remove', south.node), { voters: ['n0'], learners: [] });
  t.match(await north.ask(...COMMIT), { generation: 6 }, 'the last one goes on alone');
});

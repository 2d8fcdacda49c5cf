/** Rounds that would overlap: of one group, of two groups over the same volume or writer, and changes in mid-round. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeImpatient, startStopped, startUntilEnd, transactArgs } from '../support/scenario.js';
import { makeWorld, readMarker } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
makeImpatient(world);
const cgroup = world.cgroup;
if (cgroup === null) throw new Error('this world has no cgroup');
// The same volume with another writer; the same writer with another volume.
await world.ask('group', 'create', 'same-volume', '--volume', 'db');
await world.ask('group', 'create', 'same-writer', '--volume', 'wal', '--freeze-cgroup', cgroup.cgroup);
await world.ask('group', 'create', 'first', '--volume', 'db', '--freeze-cgroup', cgroup.cgroup, '--stall-limit', '60s');

await t.test('T10 G6 a group whose volume is in another group’s round is told who has it', async (t) => {
  const running = await startStopped(t, world, ['commit', 'first'], 'commit.before');
  const refused = await world.cli(['--json', 'commit', 'same-volume']);
  t.equal(refused.status, 4, refused.stdout);
  t.match(refused.json, { error: { code: 'BUSY', details: { volume: 'db', group: 'first', node: 'host' } } });
  running.resume();
  t.equal((await running.done).status, 0);
  await world.ask('commit', 'same-volume');
  for (const name of ['first@1', 'same-volume@1']) t.ok(existsSync(join(world.volume('db').publish, name)), name);
});

await t.test('T10 a group that shares the writer does not thaw it in the middle of another’s cut', async (t) => {
  const running = await startStopped(t, world, ['--json', 'commit', 'first'], 'stage.before');
  t.ok(cgroup.frozen(), 'the writers stand still');
  const refused = await world.cli(['--json', 'commit', 'same-writer']);
  t.equal(refused.status, 4, refused.stdout);
  t.match(refused.json, {
    error: { code: 'BUSY', details: { freezeTarget: `host:${cgroup.cgroup}`, group: 'first' } },
  });
  t.ok(cgroup.frozen(), 'they still do');
  running.resume();
  const { status, json } = await running.done;
  t.equal(status, 0);
  t.match(json, { consistency: { grade: 'barrier' } });
  t.notOk(cgroup.requested(), 'and go on afterwards');
  await world.ask('commit', 'same-writer');
});

await t.test('T10 generations of two groups over one volume do not collide', async (t) => {
  world.mark('shared');
  await world.ask('commit', 'app');
  await world.ask('commit', 'same-volume');
  t.equal(readMarker(join(world.volume('db').publish, 'app@1')), 'shared');
  t.equal(readMarker(join(world.volume('db').publish, 'same-volume@2')), 'shared');
  t.strictSame(await problemsOf(world, ['shared']), []);
});

await t.test('G6 a second commit of a group is refused, and one that waits comes after it', async (t) => {
  const before = Math.max(...published(world));
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'commit.before');
  const waiting = startUntilEnd(t, world, ['--json', 'commit', 'app', '--wait']);
  const refused = await world.cli(['--json', 'commit', 'app']);
  t.equal(refused.status, 4, refused.stdout);
  t.match(refused.json, { error: { code: 'BUSY', details: { group: 'app', pid: running.child.pid } } });
  t.equal(waiting.child.exitCode, null, 'the other one waits');
  running.resume();
  t.match((await running.done).json, { generation: before + 1 });
  t.match((await waiting.done).json, { generation: before + 2 });
  t.strictSame(await problemsOf(world, ['shared']), []);
});

await t.test('G6 many commits at once make one generation each, all of them whole', async (t) => {
  world.mark('many');
  const before = published(world).length;
  const running = [1, 2, 3, 4, 5].map(() => startUntilEnd(t, world, ['commit', 'app', '--wait']));
  for (const { done } of running) {
    const { status, stderr } = await done;
    t.equal(status, 0, stderr);
  }
  t.equal(published(world).length - before, running.length);
  t.strictSame(await problemsOf(world, ['many']), []);
});

await t.test('G2 a group in mid-round is neither removed nor changed', async (t) => {
  const before = published(world);
  const running = await startStopped(t, world, transactArgs(world, 'changed'), 'seal.after');
  for (const args of [
    ['group', 'remove', 'app', '--with-generations'],
    ['group', 'update', 'app', '--volume', 'db'],
    ['group', 'update', 'app', '--require', 'barrier'],
    ['volume', 'remove', 'db'],
    ['volume', 'forfeit', 'db'],
  ]) {
    const refused = await world.cli(['--json', ...args]);
    t.equal(refused.status, 4, `${args.join(' ')}: ${refused.stdout}`);
    t.match(refused.json, { error: { code: 'BUSY' } }, args.join(' '));
  }
  running.resume();
  t.equal((await running.done).status, 0);
  t.equal(published(world).length, before.length + 1);
  t.strictSame(await problemsOf(world, ['changed']), []);
});

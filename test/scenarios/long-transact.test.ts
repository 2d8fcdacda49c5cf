/** What goes on while a command of the user's runs for a long time: everything but what it protects itself from. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { commitSome } from '../crash/operations.js';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeGate, makeImpatient, startStopped, startUntilEnd } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'bin', 'snapcommit.js');

const world = await makeWorld(t);
makeImpatient(world);
world.mark('one');
await world.ask('commit', 'app');
const writeMarker = (marker: string): string =>
  world.volumes.map(({ live }) => `printf %s ${marker} > ${live}/marker`).join('; ');

await t.test('T12 everybody is served while a transact runs, and recovery leaves it alone', async (t) => {
  const gate = makeGate(t, world);
  const script = `${gate.script}; ${writeMarker('two')}`;
  const running = startUntilEnd(t, world, ['--json', 'transact', 'app', '--', '/bin/sh', '-ec', script]);
  await until('the command runs', gate.arrived);
  t.match(await world.ask('status'), { groups: [{ group: 'app', generation: 1, open: /./ }] });
  t.match(await world.ask('open', 'app'), { generation: 1 });
  t.equal((await world.cli(['exec', 'app', '--', '/bin/true'])).status, 0);
  await world.ask('hold', 'add', 'app@1', '--tag', 'meanwhile');
  await world.ask('hold', 'release', 'app@1', '--tag', 'meanwhile');
  t.match(await world.ask('list', 'app'), [{ generation: 1 }]);
  t.match(await world.ask('transaction', 'list'), [
    {},
    { state: 'open', coordinator: { pid: running.child.pid, alive: true } },
  ]);
  for (let times = 0; times < 2; times += 1) t.match(await world.ask('recover'), { actions: [] });
  gate.open();
  const { status, json } = await running.done;
  t.equal(status, 0);
  t.match(json, { generation: 2 });
  t.strictSame(await problemsOf(world, ['two']), []);
});

await t.test('T12 a transact whose process is stopped is not given up by recovery', async (t) => {
  const running = await startStopped(
    t,
    world,
    ['transact', 'app', '--', '/bin/sh', '-ec', writeMarker('three')],
    'command.after',
  );
  t.match(await world.ask('recover'), { actions: [] });
  running.resume();
  t.equal((await running.done).status, 0);
  t.strictSame(await problemsOf(world, ['three']), []);
});

await t.test('T12 a transact that was aborted while it was stopped leaves no trace', async (t) => {
  const before = published(world);
  const running = await startStopped(
    t,
    world,
    ['transact', 'app', '--', '/bin/sh', '-ec', writeMarker('lost')],
    'swap.checked',
  );
  const { groups } = (await world.ask('status')) as { readonly groups: readonly { readonly open: string }[] };
  t.match(await world.ask('transaction', 'abort', groups[0]?.open ?? ''), { state: 'aborted' });
  running.resume();
  t.equal((await running.done).signal, 'SIGKILL');
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['three']), []);
});

await t.test('T12 a transact’s command and a commit’s hook may call snapcommit', async (t) => {
  const call = `SNAPCOMMIT_STATE_DIR=${world.stateDirectory} ${process.execPath} ${PROGRAM} --json status`;
  const said = join(world.directory, 'said');
  const transact = ['transact', 'app', '--', '/bin/sh', '-ec', `${call} > ${said}; ${writeMarker('four')}`];
  t.equal((await world.cli(transact)).status, 0);
  t.match(JSON.parse(readFileSync(said, 'utf8')), { groups: [{ group: 'app', open: /./ }] });
  const hook = join(world.directory, 'calling-hook');
  writeFileSync(hook, `#!/bin/sh\n${call} > ${said}-$SNAPCOMMIT_PHASE\n`);
  chmodSync(hook, 0o755);
  await world.ask('group', 'update', 'app', '--pre-hook', hook, '--post-hook', hook);
  const commit = await world.cli(['commit', 'app']);
  t.equal(commit.status, 0, commit.stderr);
  for (const phase of ['pre', 'post']) {
    t.match(JSON.parse(readFileSync(`${said}-${phase}`, 'utf8')), { groups: [{ group: 'app', open: /./ }] }, phase);
  }
  t.strictSame(await problemsOf(world, ['four']), []);
});

const keepOne = ['prune', 'app', '--keep-last', '1'] as const;

await t.test('T13 what an exec reads is not pruned, not even when only its command is left', async (t) => {
  await commitSome(world, 2);
  const before = published(world);
  const gate = makeGate(t, world);
  const [{ live } = { live: '' }] = world.volumes;
  const saw = join(world.directory, 'saw');
  const script = `${gate.script}; cat ${live}/marker > ${saw}`;
  const exec = startUntilEnd(t, world, ['exec', 'app@1', '--', '/bin/sh', '-ec', script]);
  await until('the command runs', gate.arrived);
  t.match(await world.ask(...keepOne), { removed: before.slice(1, -1) });
  t.strictSame(published(world), [1, ...before.slice(-1)]);
  exec.child.kill('SIGKILL');
  t.match(await world.ask('recover'), { actions: [] }, 'the command still runs, so the pin stands');
  t.strictSame(removedBy(await world.ask(...keepOne)), []);
  gate.open();
  await exec.done;
  await until('the command is gone', gate.isGone);
  t.equal(readFileSync(saw, 'utf8'), 'one');
  t.match(await world.ask('recover'), { actions: [{ action: 'unpin', target: 'app@1' }] });
  t.strictSame(removedBy(await world.ask(...keepOne)), [1]);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('T13 the source of a restore is not pruned while it runs', async (t) => {
  await commitSome(world, 2);
  const [source, newest] = published(world).slice(-2).map(String);
  await world.ask('prune', 'app', '--keep-last', '2');
  const running = await startStopped(t, world, ['restore', `app@${String(source)}`], 'clone.before');
  t.strictSame(removedBy(await world.ask(...keepOne)), []);
  running.resume();
  t.equal((await running.done).status, 0);
  t.strictSame(published(world), [Number(source), Number(newest), Number(newest) + 1]);
  t.strictSame(removedBy(await world.ask(...keepOne)), [Number(source), Number(newest)]);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('T13 a prune that was planned before an exec began is refused', async (t) => {
  await commitSome(world, 2);
  const before = published(world);
  const read = before.at(-2);
  const prune = await startStopped(t, world, ['--json', ...keepOne], 'retire.before');
  const gate = makeGate(t, world);
  const exec = startUntilEnd(t, world, ['exec', `app@${String(read)}`, '--', '/bin/sh', '-ec', gate.script]);
  await until('the command runs', gate.arrived);
  prune.resume();
  const refused = await prune.done;
  t.equal(refused.status, 4, refused.stdout);
  t.match(refused.json, { error: { code: 'IN_USE', details: { generation: read, reason: 'pinned' } } });
  gate.open();
  t.equal((await exec.done).status, 0);
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

function removedBy(pruned: unknown): readonly number[] {
  return (pruned as { readonly removed: readonly number[] }).removed;
}

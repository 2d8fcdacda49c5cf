/** Whoever freezes may die: the guard thaws, and where that is dead too, `recover` and `thaw --all` do. */
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { at, textAt } from '../support/answers.js';
import { problemsOf } from '../support/check-world.js';
import { childrenOf } from '../support/children.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { startStopped } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
const { cgroup } = world;
if (cgroup === null) throw new Error('this world has no cgroup');
await world.ask('commit', 'app');
// Long enough that no limit thaws in a test's place.
await world.ask('group', 'update', 'app', '--stall-limit', '10m');

await t.test('G4 the guard thaws when the commit is killed', async (t) => {
  for (const point of ['freeze.after-first-cgroup', 'freeze.frozen', 'stage.after']) {
    const { signal } = await world.cli(['commit', 'app'], { env: { SNAPCOMMIT_CRASH_AT: point } });
    t.equal(signal, 'SIGKILL', point);
    await until('the guard has thawed it', () => !cgroup.frozen() && !cgroup.requested());
    t.equal((await world.cli(['recover'])).status, 0);
    t.strictSame(await problemsOf(world, world.liveMarkers()), []);
  }
});

await t.test('G4 recover thaws what a killed commit and its killed guard left frozen', async (t) => {
  await leaveFrozen(t);
  const planned = await world.ask('recover', '--dry-run');
  t.match(planned, { actions: [{ action: 'thaw', target: cgroup.cgroup }, { action: 'abort' }] }, 'the plan says so');
  t.ok(cgroup.frozen(), 'planning changes nothing');
  const { actions } = await recovered();
  t.match(actions, [{ action: 'thaw', target: cgroup.cgroup }, { action: 'abort' }]);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('G4 thaw --all thaws it too, and needs no log', async (t) => {
  await leaveFrozen(t);
  const log = join(world.stateDirectory, 'log');
  tool('mv', log, `${log}.away`);
  const thawed = await world.cli(['--json', 'thaw', '--all']);
  tool('mv', `${log}.away`, log);
  t.equal(thawed.status, 0, thawed.stdout);
  t.strictSame(thawed.json, { thawed: [{ cgroup: cgroup.cgroup, result: 'thawed', reason: null }] });
  t.notOk(cgroup.frozen());
  t.strictSame(await world.ask('thaw', '--all'), { thawed: [] }, 'a second time there is nothing to do');
  await recovered();
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('G7 status and transaction show name what is open, who drives it, and since when', async (t) => {
  const startedAt = Date.now();
  const running = await startStopped(t, world, ['commit', 'app'], 'freeze.frozen');
  const status = await world.ask('status');
  t.strictSame(at(status, 'frozen'), [cgroup.cgroup], 'status names what is frozen');
  const id = textAt(status, 'groups.0.open');
  const text = (await world.cli(['status'])).stdout;
  t.match(text, `transaction ${id} open`);
  t.match(text, `frozen: ${cgroup.cgroup}`);
  const shown = await world.ask('transaction', 'show', id);
  t.match(shown, {
    transaction: id,
    group: 'app',
    state: 'open',
    coordinator: { node: 'host', pid: running.child.pid },
  });
  const since = Date.parse(textAt(shown, 'since'));
  t.ok(since >= startedAt && since <= Date.now(), `since ${String(since)}`);
  t.match(
    (await world.cli(['transaction', 'show', id])).stdout,
    `driven by process ${String(running.child.pid)} on host`,
  );
  t.match((await world.cli(['transaction', 'list'])).stdout, id);
  running.resume();
  t.equal((await running.done).status, 0);
});

await t.test('G7 a commit that waits for a hook says so, and is shown as alive', async (t) => {
  const fifo = join(world.directory, 'gate');
  const hook = join(world.directory, 'waiting-hook');
  tool('mkfifo', fifo);
  writeFileSync(hook, `#!/bin/sh\ncat ${fifo}\n`);
  chmodSync(hook, 0o755);
  await world.ask('group', 'update', 'app', '--pre-hook', hook);
  const running = world.start(['--verbose', 'commit', 'app']);
  t.teardown(() => running.child.kill('SIGKILL'));
  await until('it is begun', async () => at(await world.ask('status'), 'groups.0.open') !== null);
  const id = textAt(await world.ask('status'), 'groups.0.open');
  t.match(await world.ask('transaction', 'show', id), { coordinator: { pid: running.child.pid, alive: true } });
  const refused = await world.cli(['commit', 'app']);
  t.equal(refused.status, 4, 'another commit is refused');
  t.match(refused.stderr, String(running.child.pid), 'with the process that it would have to wait for');
  writeFileSync(fifo, 'go on\n');
  const { status, stderr } = await running.done;
  t.equal(status, 0, stderr);
  t.match(stderr, hook, 'the phase that it waited in is told');
});

/** A killed commit whose guard was killed before it: nobody is left to thaw. */
async function leaveFrozen(t: Test): Promise<void> {
  const running = await startStopped(t, world, ['commit', 'app'], 'freeze.frozen');
  for (const pid of childrenOf(running)) process.kill(pid, 'SIGKILL');
  running.child.kill('SIGKILL');
  await running.done;
  t.ok(cgroup?.frozen(), 'the writers stand still');
  t.strictSame(at(await world.ask('status'), 'frozen'), [cgroup?.cgroup], 'status says so');
}

async function recovered(): Promise<{ readonly actions: unknown }> {
  return { actions: at(await world.ask('recover'), 'actions') };
}

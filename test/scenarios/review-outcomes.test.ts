/** What a command answers when something around the commit itself fails: never as if nothing had been, nor as if all were done. */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf } from '../support/check-world.js';
import { requireBtrfs } from '../support/requirements.js';
import { makeImpatient, startStopped, transactArgs } from '../support/scenario.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
const world = await makeWorld(t);
makeImpatient(world);
world.mark('first');
await world.ask('commit', 'app');

await t.test('L6 a commit whose view cannot be turned says that it is committed', async (t) => {
  const view = join(world.stateDirectory, 'views', 'app');
  renameSync(view, `${view}.away`);
  writeFileSync(view, 'in the way');
  const first = await world.cli(['--json', 'commit', 'app', '--request-id', 'nightly']);
  t.equal(first.status, 9, first.stdout);
  t.match(first.json, { error: { code: 'PUBLISH_PENDING', details: { generation: 2 } } });

  const again = await world.cli(['--json', 'commit', 'app', '--request-id', 'nightly']);
  t.equal(again.status, 9, 'the repeated request does not say that all is done either');

  rmSync(view);
  renameSync(`${view}.away`, view);
  const done = await world.cli(['--json', 'commit', 'app', '--request-id', 'nightly']);
  t.equal(done.status, 0, done.stderr);
  t.match(done.json, { generation: 2, state: 'published' });
  t.strictSame(await problemsOf(world, ['first']), []);
});

await t.test('C19 what is done, and cannot be told, is not told as if nothing had been', async (t) => {
  const full = (fd: number): readonly string[] => ['/bin/sh', '-c', `exec "$@" ${String(fd)}>/dev/full`, 'sh'];
  for (const [times, json] of [[], ['--json']].entries()) {
    const { status, stderr } = await world.cli([...json, 'commit', 'app'], { under: full(1) });
    t.equal(status, 7, stderr);
    t.match(stderr, /it is done, but the answer could not be written to stdout: ENOSPC/);
    t.match(await world.ask('open', 'app'), { generation: 3 + times });
  }
  const refused = await world.cli(['--json', 'open', 'app@99'], { under: full(1) });
  t.equal(refused.status, 3, refused.stderr);
  t.match(refused.stderr, /there is no generation app@99/);
  t.equal((await world.cli(['open', 'app@99'], { under: full(2) })).status, 3);
  t.equal((await world.cli(['--verbose', 'commit', 'app'], { under: full(2) })).status, 0);
  t.strictSame(await problemsOf(world, ['first']), []);
});

await t.test('T1 a restore beside a swap that is not finished is refused, not told as committed', async (t) => {
  const obstacle = join(world.volume('wal').mount, '.live.snapcommit-exchange');
  // What was there before the commit would be told before it.
  const swap = await startStopped(t, world, transactArgs(world, 'second'), 'commit.after');
  mkdirSync(obstacle);
  swap.resume();
  t.equal((await swap.done).status, 109);
  const refused = await world.cli(['--json', 'restore', 'app@1']);
  t.ok([2, 4, 6].includes(refused.status ?? -1), `nothing was begun: ${String(refused.status)} ${refused.stdout}`);
  rmSync(obstacle, { recursive: true });
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(await problemsOf(world, ['second']), []);
});

await t.test('a unit’s debt that cannot be written down gives the transaction up', async (t) => {
  await world.ask('group', 'update', 'app', '--stop-unit', 'database.service');
  const owed = join(world.stateDirectory, 'owed');
  renameSync(owed, `${owed}.away`);
  writeFileSync(owed, '');
  const result = await world.cli(['--json', ...transactArgs(world, 'third')]);
  t.equal(result.status, 105, result.stdout);
  t.match(await world.ask('status'), { groups: [{ group: 'app', open: null }] }, 'nothing is left open');
  rmSync(owed);
  renameSync(`${owed}.away`, owed);
  t.strictSame(await problemsOf(world, ['second']), []);
});

await t.test('G3 a recovery that could not thaw everything does not end with 0', async (t) => {
  const intent = join(world.stateDirectory, 'freeze', 'damaged.json');
  writeFileSync(intent, '{');
  const result = await world.cli(['--json', 'recover']);
  t.equal(result.status, 6, result.stdout);
  t.match(result.json, { failures: [{ action: { action: 'thaw' } }] });
  rmSync(intent);
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(readdirSync(join(world.stateDirectory, 'freeze')), []);
});

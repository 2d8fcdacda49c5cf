/**
 * SIGINT, SIGTERM and --timeout at chosen points: before the commit is proposed everything is undone and thawed, after it
 * the generation is there and the command says so. And how the statuses of a transact's or exec's own command come out.
 */
import t from 'tap';
import { at } from '../support/answers.js';
import { problemsOf, published } from '../support/check-world.js';
import { fingerprint } from '../support/fingerprint.js';
import { startStopped } from '../support/scenario.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true, hooks: true });
await world.ask('group', 'update', 'app', '--stall-limit', '1m');
await world.ask('commit', 'app');

const STATUS = { SIGINT: 130, SIGTERM: 143 } as const;
const commit = ['commit', 'app'];
const write = world.volumes.map(({ live }) => `echo changed > ${live}/marker`).join('; ');
const transact = ['transact', 'app', '--', '/bin/sh', '-c', write];
const restore = ['restore', 'app@1'];

const BEFORE = [
  [commit, 'begin.after', 'SIGINT'],
  [commit, 'hooks.after-pre', 'SIGTERM'],
  [commit, 'freeze.frozen', 'SIGINT'],
  [commit, 'stage.after', 'SIGTERM'],
  [transact, 'clone.after', 'SIGINT'],
  [transact, 'command.after', 'SIGTERM'],
  [transact, 'read-only.after', 'SIGINT'],
  [restore, 'read-only.before', 'SIGTERM'],
] as const;

const AFTER = [
  [commit, 'commit.after', 'SIGINT'],
  [commit, 'view.before-flip', 'SIGTERM'],
  [transact, 'exchange.after-exchange', 'SIGINT'],
] as const;

for (const [args, point, signal] of BEFORE) {
  await t.test(`${signal} at ${point} of ${String(args[0])} undoes everything`, async (t) => {
    const before = await fingerprint(world, 'begun');
    const running = await startStopped(t, world, args, `${point}#1`);
    running.child.kill(signal);
    running.resume();
    const { status, stderr } = await running.done;
    t.equal(status, STATUS[signal], stderr);
    t.match(stderr, new RegExp(`stopped by ${signal}`));
    t.strictSame(await fingerprint(world, 'begun'), before, 'nothing changed');
    t.strictSame(await problemsOf(world, world.liveMarkers()), [], 'and nothing is left');
  });
}

for (const [args, point, signal] of AFTER) {
  await t.test(`${signal} at ${point} of ${String(args[0])} comes too late`, async (t) => {
    const newest = Math.max(...published(world));
    const running = await startStopped(t, world, ['--json', ...args], `${point}#1`);
    running.child.kill(signal);
    running.resume();
    const { status, json, stderr } = await running.done;
    t.equal(status, 0, stderr);
    t.match(json, { generation: newest + 1, state: 'published' });
    t.strictSame(await problemsOf(world, world.liveMarkers()), []);
  });
}

await t.test('SIGINT ends the command of a transact, and leaves no trace of it', async (t) => {
  const before = await fingerprint(world, 'begun');
  const script = `${write}; sleep 600 & echo started; sleep 600`;
  const running = world.start(['transact', 'app', '--', '/bin/sh', '-c', script]);
  t.teardown(() => running.child.kill('SIGKILL'));
  await new Promise((resolve) => running.child.stdout?.once('data', resolve));
  running.child.kill('SIGINT');
  t.equal((await running.done).status, 130);
  t.strictSame(await fingerprint(world, 'begun'), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('--timeout ends what takes too long, as an abort', async (t) => {
  const before = await fingerprint(world, 'begun');
  const args = ['--json', '--timeout', '1s', 'transact', 'app', '--', '/bin/sleep', '600'];
  const { status, json } = await world.cli(args);
  t.equal(status, 105);
  t.equal(at(json, 'error.code'), 'TIMED_OUT');
  t.strictSame(await fingerprint(world, 'begun'), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('the status of a command is passed on, our own failures are 100 more', async (t) => {
  const before = await fingerprint(world, 'begun');
  const statusOf = async (...args: readonly string[]): Promise<number | null> => (await world.cli(args)).status;
  for (const command of ['transact', 'exec']) {
    t.equal(await statusOf(command, 'app', '--', '/bin/sh', '-c', 'exit 7'), 7, `${command}: the command's own`);
    t.equal(await statusOf(command, 'app', '--', '/bin/sh', '-c', 'kill -9 $$'), 137, `${command}: killed by a signal`);
    t.equal(await statusOf(command, 'nobody', '--', '/bin/true'), 103, `${command}: not found`);
    t.equal(await statusOf(command, 'app'), 102, `${command}: no command`);
    t.equal(await statusOf(command, 'app', '--', '/no/such/program'), 127, `${command}: no such program`);
  }
  t.equal(await statusOf('transact', 'app', '--expect-generation', '0', '--', '/bin/true'), 104, 'a conflict');
  t.equal(await statusOf('exec', 'app@99', '--', '/bin/true'), 103, 'no such generation');
  t.strictSame(await fingerprint(world, 'begun'), before, 'and no trace is left');
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

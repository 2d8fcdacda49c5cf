/** Asking twice (`--request-id`), and what is owed after a crash between pre- and post-hook. */
import { readFileSync, rmSync } from 'node:fs';
import t from 'tap';
import { withNode } from '../crash/operations.js';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, makeImpatient, startUntilEnd, transactArgs } from '../support/scenario.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true, hooks: true });
makeImpatient(world);
world.mark('one');
await world.ask('commit', 'app');

await t.test(
  'L3 T18 the same request id answers the same generation, and other arguments are a conflict',
  async (t) => {
    const args = ['commit', 'app', '--request-id', 'first', '--message', 'hello'];
    const first = await world.ask(...args);
    t.match(first, { generation: 2 });
    t.strictSame(await world.ask(...args), first);
    for (const other of [
      ['commit', 'app', '--request-id', 'first', '--message', 'other'],
      ['commit', 'app', '--request-id', 'first', '--message', 'hello', '--label', 'a=b'],
      transactArgs(world, 'lost', '--request-id', 'first', '--message', 'hello'),
      ['restore', 'app@1', '--request-id', 'first', '--message', 'hello'],
    ]) {
      const refused = await world.cli(['--json', ...other]);
      t.equal(refused.status, other[0] === 'transact' ? 104 : 4, refused.stdout);
      t.match(refused.json, { error: { code: 'REQUEST_CONFLICT' } });
    }
    t.strictSame(published(world), [1, 2]);
    t.strictSame(await problemsOf(world, ['one']), []);
  },
);

await t.test('L3 a request whose answer was lost in a crash is answered and not done again', async (t) => {
  const args = ['commit', 'app', '--request-id', 'lost-answer'];
  await crash(world, args, 'commit.after');
  t.match(await world.ask(...args), { generation: 3, state: 'published' });
  t.match(await world.ask(...args), { generation: 3 });
  t.strictSame(published(world), [1, 2, 3]);
});

await t.test('L3 a retry of an aborted request answers that abort', async (t) => {
  const args = ['commit', 'app', '--request-id', 'aborted'];
  await crash(world, args, 'stage.after');
  const early = await world.cli(args);
  t.equal(early.status, 4, 'it is open still');
  t.equal((await world.cli(['recover'])).status, 0);
  for (let times = 0; times < 2; times += 1) {
    const answer = await world.cli(['--json', ...args]);
    t.equal(answer.status, 5, answer.stdout);
    t.match(answer.json, { error: { code: 'ABORTED' } });
  }
  const failing = ['transact', 'app', '--request-id', 'failed', '--', '/bin/sh', '-c', 'exit 7'];
  t.equal((await world.cli(failing)).status, 7, 'the command’s own status');
  t.equal((await world.cli(failing)).status, 105, 'the retry: our own, and nothing ran');
  t.strictSame(published(world), [1, 2, 3]);
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('L3 the same request from many processes at once is done once', async (t) => {
  const before = published(world).length;
  const args = ['--json', 'commit', 'app', '--wait', '--request-id', 'at-once'];
  const running = [1, 2, 3, 4].map(() => startUntilEnd(t, world, args));
  const answers = await Promise.all(running.map(async ({ done }) => (await done).json));
  for (const answer of answers) t.match(answer, { generation: before + 1 });
  t.equal(published(world).length, before + 1);
});

await t.test('T18 a request id is remembered over checkpoints of the log', async (t) => {
  await withNode(world, async (node) => {
    // A checkpoint is written every 16 slots.
    for (let round = 0; round < 80; round += 1) {
      await node.addHold({ group: 'app', generation: 1 }, 'filler');
      await node.releaseHold({ group: 'app', generation: 1 }, 'filler');
    }
  });
  const { log } = (await world.ask('status')) as { readonly log: { readonly checkpointSlot: number } };
  const before = published(world);
  t.match(await world.ask('show', 'app@2'), { slot: /./ });
  const { slot } = (await world.ask('show', 'app@2')) as { readonly slot: number };
  t.ok(log.checkpointSlot > slot, 'its entry stands in no row any more');
  t.match(await world.ask('commit', 'app', '--request-id', 'first', '--message', 'hello'), { generation: 2 });
  const conflict = await world.cli(['commit', 'app', '--request-id', 'first', '--message', 'other']);
  t.equal(conflict.status, 4);
  t.equal((await world.cli(['commit', 'app', '--request-id', 'aborted'])).status, 5);
  t.strictSame(published(world), before);
  t.strictSame(await problemsOf(world, ['one']), []);
});

for (const [point, pre] of [
  ['hooks.after-intent', false],
  ['hooks.after-pre', true],
  ['stage.after', true],
  ['hooks.before-post', true],
] as const) {
  await t.test(`T16 recovery runs the post-hook that is owed after a SIGKILL at ${point}`, async (t) => {
    rmSync(world.hookLog, { force: true });
    await crash(world, ['commit', 'app'], point);
    const { actions } = (await world.ask('recover')) as { readonly actions: readonly { readonly action: string }[] };
    t.ok(
      actions.some(({ action }) => action === 'pay'),
      'it says so',
    );
    const lines = readFileSync(world.hookLog, 'utf8').trim().split('\n');
    t.equal(lines.length, pre ? 2 : 1, lines.join('; '));
    t.match(lines.at(-1), /^post \S+ recovered 1$/);
    if (pre) t.match(lines[0], /^pre /);
    t.match(await world.ask('recover'), { actions: [] });
    t.equal(readFileSync(world.hookLog, 'utf8').trim().split('\n').length, lines.length, 'once is enough');
    t.strictSame(await problemsOf(world, ['one']), []);
  });
}

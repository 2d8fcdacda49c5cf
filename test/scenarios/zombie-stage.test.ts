/**
 * Snapshots that turn up late: a stage call cannot be ended while its filesystem is frozen, so it outlives its caller
 * and its round. (Only this test freezes a btrfs; snapcommit never does.)
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeImpatient, startStopped } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld, tool, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
makeImpatient(world, { lockWaitMs: 1500 });
world.mark('one');
await world.ask('commit', 'app');

await t.test(
  'G11 T3 a stage call that outlives its killed caller is waited for, and its snapshot is swept',
  async (t) => {
    const { mount, publish } = world.volume('db');
    const running = await startStopped(t, world, ['commit', 'app'], 'stage.before');
    // A frozen filesystem that nobody thaws would outlive the test.
    let frozen = true;
    const thaw = (): void => {
      if (frozen) tool('fsfreeze', '--unfreeze', mount);
      frozen = false;
    };
    t.teardown(thaw);
    tool('fsfreeze', '--freeze', mount);
    running.resume();
    await until('the other volume is staged', () => stagedOn(world, 'wal').length === 1);
    running.child.kill('SIGKILL');
    // Its call sleeps in the kernel, so the process cannot go: it still holds its locks.
    const early = await world.cli(['--json', 'recover']);
    t.not(early.status, 0, early.stdout);
    t.match(early.json, { failures: [{ action: { action: 'abort' } }] });
    t.strictSame(stagedOn(world, 'wal').length, 1, 'nothing of it is swept while it may still act');
    thaw();
    await running.done;
    t.strictSame(
      stagedOn(world, 'db').length,
      1,
      `the snapshot of the dead appeared: ${readdirSync(publish).join(' ')}`,
    );
    const late = await world.cli(['recover']);
    t.equal(late.status, 0, late.stdout);
    t.strictSame(published(world), [1]);
    t.strictSame(await problemsOf(world, ['one']), []);
  },
);

await t.test('T3 a snapshot that stands under the name of a round is a failure, never already done', async (t) => {
  const { live, publish } = world.volume('db');
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'stage.before');
  const { cluster, groups, log } = (await world.ask('status')) as {
    readonly cluster: string;
    readonly groups: readonly { readonly open: string }[];
    readonly log: { readonly lastSlot: number };
  };
  const zombie = `.staged~${cluster}~app~${groups[0]?.open ?? ''}~1.${String(log.lastSlot)}~1`;
  tool('btrfs', '--quiet', 'subvolume', 'snapshot', '-r', live, join(publish, zombie));
  world.mark('two');
  running.resume();
  const refused = await running.done;
  t.equal(refused.status, 5, refused.stdout);
  t.match(refused.json, { error: { code: 'STAGED_NAME_EXISTS' } });
  t.strictSame(published(world), [1]);
  t.strictSame(await problemsOf(world, ['two']), []);
});

await t.test('G11 a snapshot that appears after recovery is swept by the next one', async (t) => {
  const before = published(world);
  const running = await startStopped(t, world, ['commit', 'app'], 'stage.after');
  const [name = ''] = stagedOn(world, 'db');
  running.child.kill('SIGKILL');
  await running.done;
  t.equal((await world.cli(['recover'])).status, 0);
  const { live, publish } = world.volume('db');
  tool('btrfs', '--quiet', 'subvolume', 'snapshot', '-r', live, join(publish, name));
  t.equal((await world.cli(['commit', 'app'])).status, 0, 'it stands in nobody’s way');
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(published(world), [...before, before.length + 1]);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('T3 an empty directory under the name of a round is not filled silently', async (t) => {
  const before = published(world);
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'stage.before');
  const { cluster, groups, log } = (await world.ask('status')) as {
    readonly cluster: string;
    readonly groups: readonly { readonly open: string }[];
    readonly log: { readonly lastSlot: number };
  };
  const name = `.staged~${cluster}~app~${groups[0]?.open ?? ''}~1.${String(log.lastSlot)}~1`;
  mkdirSync(join(world.volume('wal').publish, name));
  running.resume();
  const refused = await running.done;
  t.equal(refused.status, 5, refused.stdout);
  t.strictSame(published(world), before);
});

function stagedOn(world: World, volume: string): readonly string[] {
  return readdirSync(world.volume(volume).publish).filter((name) => name.startsWith('.staged~'));
}

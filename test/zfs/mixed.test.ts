// test-timeout-seconds: 1200
/** A group over two pools and a btrfs is committed, transacted, restored and pruned as one. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { zpool } from '../support/pools.js';
import { requireCgroups } from '../support/requirements.js';
import { crash, transactArgs } from '../support/scenario.js';
import { requireVolumes } from '../support/volume-kinds.js';
import { makeWorld, readMarker } from '../support/world.js';

requireVolumes(t, 'mixed');
requireCgroups(t);

const world = await makeWorld(t, { kinds: 'mixed', volumes: ['db', 'wal', 'blobs', 'index'], freeze: true });
const pools = [...new Set(world.volumes.flatMap(({ dataset }) => dataset?.split('/')[0] ?? []))];

/** How often each pool was told to make snapshots. */
function snapshotCalls(): readonly number[] {
  return pools.map(
    (pool) =>
      zpool('history', pool)
        .split('\n')
        .filter((line) => line.includes(' zfs snapshot ')).length,
  );
}

await t.test('it lies on two pools and a btrfs', (t) => {
  t.equal(pools.length, 2);
  t.same(
    world.volumes.map(({ dataset }) => dataset === null),
    [false, true, false, false],
  );
  t.end();
});

await t.test('G8 a commit is one barrier cut over all of them, with one call for each pool', async (t) => {
  world.mark('one');
  const before = snapshotCalls();
  t.match(await world.ask('commit', 'app', '--require', 'barrier'), {
    generation: 1,
    state: 'published',
    consistency: { grade: 'barrier' },
  });
  t.same(
    snapshotCalls().map((count, index) => count - (before[index] ?? 0)),
    [1, 1],
  );
  t.strictSame(await problemsOf(world, ['one']), []);
});

await t.test('a transact replaces all of the live trees', async (t) => {
  const { status, stderr } = await world.cli(transactArgs(world, 'two'));
  t.equal(status, 0, stderr);
  t.strictSame(await problemsOf(world, ['two']), []);
});

await t.test('G8 G12 a transact that dies between two exchanges is finished by recovery', async (t) => {
  await crash(world, transactArgs(world, 'three'), 'exchange.after-exchange');
  const recovered = await world.cli(['recover']);
  t.equal(recovered.status, 0, recovered.stderr);
  t.strictSame(await problemsOf(world, ['three']), []);
});

await t.test('a restore brings all of an earlier generation back, and later ones stay readable', async (t) => {
  await world.ask('restore', 'app@1');
  t.strictSame(await problemsOf(world, ['one']), []);
  t.strictSame(published(world), [1, 2, 3, 4]);
  for (const { publish } of world.volumes) t.equal(readMarker(join(publish, 'app@3')), 'three');
});

await t.test('G10 a prune takes whole generations, also one that died in the middle', async (t) => {
  await crash(world, ['prune', 'app', '--keep-last', '2'], 'remove.after-first');
  const recovered = await world.cli(['recover']);
  t.equal(recovered.status, 0, recovered.stderr);
  t.strictSame(published(world), [3, 4]);
  await world.ask('prune', 'app', '--keep-last', '1');
  t.strictSame(published(world), [4]);
  for (const { publish } of world.volumes) t.notOk(existsSync(join(publish, 'app@3')));
  t.strictSame(await problemsOf(world, ['one']), []);
});

/** Sets stay sets: crashes between the members of a generation, in the middle of a prune, and publishes out of order. */
import { mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { commitSome } from '../crash/operations.js';
import { problemsOf, published } from '../support/check-world.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { crash, makeImpatient } from '../support/scenario.js';
import { makeWorld, readMarker, type World } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t);
makeImpatient(world);
world.mark('one');
await world.ask('commit', 'app');

await t.test('G8 a set of which only some members are staged is no generation to anybody', async (t) => {
  world.mark('never');
  await crash(world, ['commit', 'app'], 'stage.after-first#1');
  t.match(await world.ask('list', 'app'), [{ generation: 1 }]);
  t.match(await world.ask('open', 'app'), { generation: 1 });
  t.match(await world.ask('verify'), { generations: 1, problems: [] });
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(published(world), [1]);
  t.strictSame(await problemsOf(world, ['never']), []);
});

for (const point of ['publish.after-rename#1', 'publish.after-sync#1', 'view.directory-made', 'view.before-flip']) {
  await t.test(`G8 a set that is half published at ${point} is read as the old one or the new one`, async (t) => {
    const before = shown(world);
    const old = markersOfView(world);
    world.mark(point);
    await crash(world, ['commit', 'app'], point);
    t.equal(shown(world), before, 'the view has not turned');
    t.strictSame(markersOfView(world), old);
    const { volumes, generation } = (await world.ask('open', 'app')) as {
      readonly generation: number;
      readonly volumes: Readonly<Record<string, { readonly path: string }>>;
    };
    t.strictSame(
      Object.values(volumes).map(({ path }) => readMarker(path)),
      [point, point],
    );
    t.equal(shown(world), `app@${String(generation)}`);
    t.equal((await world.cli(['recover'])).status, 0);
    t.strictSame(await problemsOf(world, [point]), []);
  });
}

await t.test('T5 a publish that was in the way of nothing is done late, and turns nothing back', async (t) => {
  world.mark('late');
  await crash(world, ['commit', 'app'], 'commit.after');
  const late = Math.max(...published(world)) + 1;
  // Somebody put something of theirs in its place.
  const obstacle = join(world.volume('wal').publish, `app@${String(late)}`);
  mkdirSync(obstacle);
  t.equal((await world.cli(['open', 'app'])).status, 9, 'the newest generation cannot be given');
  t.equal((await world.cli(['recover'])).status, 9);
  world.mark('later');
  const later = await world.cli(['--json', 'commit', 'app']);
  t.equal(later.status, 0, later.stdout + later.stderr);
  t.equal(shown(world), `app@${String(late + 1)}`, 'a later one need not wait for it');
  t.match(await world.ask('status'), { groups: [{ generation: late + 1, pendingPublish: [late] }] });
  rmdirSync(obstacle);
  t.equal((await world.cli(['recover'])).status, 0, 'nor is it refused for ever');
  t.equal(shown(world), `app@${String(late + 1)}`);
  for (const { publish } of world.volumes) t.equal(readMarker(join(publish, `app@${String(late)}`)), 'late');
  t.strictSame(await problemsOf(world, ['later']), []);
});

await t.test('nothing is written into a directory that does not hold what is to be published', async (t) => {
  world.mark('elsewhere');
  await crash(world, ['commit', 'app'], 'commit.after');
  const { publish } = world.volume('wal');
  const moved = `${publish} moved`;
  renameSync(publish, moved);
  // As the mount point of a file system that is not mounted.
  mkdirSync(publish);
  const recovered = await world.cli(['recover']);
  t.equal(recovered.status, 9, recovered.stdout + recovered.stderr);
  t.strictSame(readdirSync(publish), []);
  rmdirSync(publish);
  renameSync(moved, publish);
  t.equal((await world.cli(['recover'])).status, 0);
  t.strictSame(await problemsOf(world, ['elsewhere']), []);
});

for (const point of [
  'retire.before',
  'retire.after',
  'trash.after-rename#1',
  'trash.after-rename#3',
  'remove.before',
  'remove.after-first#1',
  'remove.after#1',
]) {
  await t.test(`G10 a prune that is killed at ${point} has removed generations whole or not at all`, async (t) => {
    await commitSome(world, 3);
    const [marker = ''] = world.liveMarkers();
    const before = published(world);
    await crash(world, ['prune', 'app', '--keep-last', '1'], point);
    const listed = ((await world.ask('list', 'app')) as readonly { readonly generation: number }[]).map(
      ({ generation }) => generation,
    );
    t.strictSame(listed, point === 'retire.before' ? before : before.slice(-1));
    t.match(await world.ask('verify'), { problems: [] });
    for (const generation of listed) t.equal((await world.cli(['open', `app@${String(generation)}`])).status, 0);
    if (point !== 'retire.before') t.equal((await world.cli(['open', `app@${String(before[0])}`])).status, 3);
    t.equal((await world.cli(['recover'])).status, 0);
    t.strictSame(published(world), listed);
    t.strictSame(await problemsOf(world, [marker]), []);
    await world.ask('prune', 'app', '--keep-last', '1');
  });
}

/** What the view's link says. */
function shown(world: World): string {
  return readlinkSync(join(world.stateDirectory, 'views', 'app', 'current'));
}

function markersOfView(world: World): readonly string[] {
  return world.volumes.map(({ name }) => readMarker(join(world.stateDirectory, 'views', 'app', 'current', name)));
}

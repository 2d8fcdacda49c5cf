/** Generations through promotions, other tools and crashes: what stays, what can be deleted, what is told. */
import { lstatSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { crashAt, makePool, zfs } from '../support/zfs.js';

const driver = createZfsDriver(createCommandRunner());
const pool = makePool(t);

async function makeVolume(name: string): Promise<VolumePlace> {
  const place = { name, source: pool.dataset(name), publishDirectory: join(pool.mount, '.snapcommit', name) };
  await driver.prepare(place);
  return place;
}

async function commit(place: VolumePlace, generation: number): Promise<string> {
  writeFileSync(join(place.source, 'file'), String(generation));
  const { id } = await driver.stage(place, `.staged~${String(generation)}`);
  await driver.rename(place, `.staged~${String(generation)}`, `app@${String(generation)}`);
  return id;
}

function read(place: VolumePlace, name: string): string {
  return readFileSync(join(driver.path(place, name), 'file'), 'utf8');
}

async function assertIs(t: Test, place: VolumePlace, generation: number, id: string): Promise<void> {
  const name = `app@${String(generation)}`;
  t.match(await driver.lookup(place, name), { id, readOnly: true }, `${name} is itself`);
  t.equal(read(place, name), String(generation), `${name} can be read`);
}

void t.test('T13 after restore app@1 the later generations are openable, holdable and prunable by guid', async (t) => {
  const place = await makeVolume('restored');
  const [one, two, three] = [await commit(place, 1), await commit(place, 2), await commit(place, 3)];
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, '.clone~1', 'app@1')).id;
  const four = (await driver.seal(place, '.clone~1', 'app@4')).id;
  t.equal(await driver.exchange(place, '.clone~1', { base, clone }), 'exchanged');
  await driver.rename(place, '.clone~1', 'app@4.replaced');
  for (const [index, id] of [one, two, three].entries()) await assertIs(t, place, index + 1, id);
  t.equal((await driver.lookup(place, 'app@4'))?.id, four);
  t.equal(read(place, 'app@4'), '1');
  t.equal(read(place, 'app@4.replaced'), '3');
  t.throws(() => zfs('destroy', `${pool.pool}/restored@app:1`), 'another tool cannot destroy what is held');

  await driver.remove(place, ['app@4.replaced', 'app@1']);
  t.same(
    (await driver.list(place)).map(({ name }) => name),
    ['app@2', 'app@3', 'app@4'],
    'the replaced tree is no entry any more',
  );
  await assertIs(t, place, 2, two);
  await assertIs(t, place, 3, three);
  const again = await driver.clone(place, '.clone~2', 'app@3');
  t.equal(await driver.exchange(place, '.clone~2', { base: clone, clone: again.id }), 'exchanged');
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), '3', 'a generation that promotion left behind is restored');
  await assertIs(t, place, 2, two);
  t.equal(read(place, 'app@4'), '1');

  await driver.remove(place, ['app@2', 'app@3', '.clone~2', 'app@4']);
  t.same(await driver.list(place), []);
  t.equal(readFileSync(join(place.source, 'file'), 'utf8'), '3');
  t.same(readdirSync(place.publishDirectory), [], 'nothing is left in the publish directory');
  t.same(snapshotsAndTrees('restored'), [`${pool.pool}/.snapcommit/restored`, `${pool.pool}/restored`], 'nor in ZFS');
});

function snapshotsAndTrees(name: string): readonly string[] {
  const all = zfs('list', '-H', '-o', 'name', '-t', 'all', '-r', pool.pool).split('\n');
  return all.filter((line) => line.includes(`/${name}`)).sort();
}

void t.test('G9 a snapshot that another tool destroyed before it was held is told, with its name', async (t) => {
  const place = await makeVolume('foreign');
  const call = await driver.pools?.openStage([place], 'lost');
  await call?.take();
  zfs('destroy', `${pool.pool}/foreign@lost`);
  const failure = await rejectsWith(t, call?.identity(place) ?? Promise.resolve(), 'STAGE_FAILED');
  t.match(failure?.message, /another tool destroyed .*foreign@lost/);
  await driver.stage(place, 'kept');
  t.throws(() => zfs('destroy', `${pool.pool}/foreign@kept`), 'what is staged is held');
  zfs('snapshot', `${pool.pool}/foreign@theirs`);
  t.same(
    (await driver.list(place)).map(({ name }) => name),
    ['kept'],
    'what another tool made is none of ours',
  );
  // as somebody leaves it who dies between the deletion of a snapshot and that of its link
  const stale = join(place.publishDirectory, '.trash~stale');
  symlinkSync(join(place.source, '.zfs/snapshot/.trash~stale'), stale);
  await driver.list(place);
  t.notOk(lstatSync(stale, { throwIfNoEntry: false }), 'a hidden link that leads to nothing is swept');
  t.ok(lstatSync(driver.path(place, 'kept'), { throwIfNoEntry: false }), 'and no other');
  await driver.remove(place, ['kept', 'theirs']);
  t.match(zfs('list', '-H', '-o', 'name', '-t', 'snapshot', `${pool.pool}/foreign`), 'theirs', 'and stays');
});

void t.test('G12 a generation’s link that the power brought back is told, and goes when its name does', async (t) => {
  const place = await makeVolume('linked');
  await commit(place, 1);
  const link = driver.path(place, 'app@1');
  const target = readlinkSync(link);
  await driver.rename(place, 'app@1', '.trash~1');
  await driver.remove(place, ['.trash~1']);
  // ZFS renames durably at once; what became of the link was not synced yet
  symlinkSync(target, link);
  t.same(await driver.list(place), [{ name: 'app@1', id: null, readOnly: false }]);
  t.equal(await driver.lookup(place, 'app@1'), null, 'no snapshot has that name');
  t.equal(await driver.rename(place, 'app@1', '.trash~2'), 'absent');
  t.same(readdirSync(place.publishDirectory), []);
  t.same(await driver.list(place), []);
});

void t.test('T11 snapshots of an earlier place of the dataset are not taken for this one’s', async (t) => {
  const place = await makeVolume('moved');
  await commit(place, 1);
  zfs('destroy', `${pool.pool}/.snapcommit/moved`);
  await driver.prepare(place);
  t.same(await driver.list(place), []);
  await driver.remove(place, ['app@1']);
  t.match(zfs('list', '-H', '-o', 'name', '-t', 'snapshot', `${pool.pool}/moved`), 'app:1');
});

void t.test('G11 what a crash between a clone and its base leaves is listed by its name and removed', async (t) => {
  const place = await makeVolume('unfinished');
  for (const point of ['tree.base-taken', 'tree.made']) {
    crashAt(point, 'clone', place, '.clone~1', null);
    t.match(await driver.list(place), [{ name: '.clone~1' }], point);
    await driver.rename(place, '.clone~1', '.trash~1');
    await driver.remove(place, ['.trash~1']);
    t.same(await driver.list(place), []);
    t.same(snapshotsAndTrees('unfinished').length, 2, 'nothing is left in ZFS');
  }
});

void t.test('C15 a replaced tree that another tool made snapshots of is not destroyed with them', async (t) => {
  const place = await makeVolume('shared');
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'clone', null)).id;
  await driver.exchange(place, 'clone', { base, clone });
  const [tree = ''] = readdirSync(place.publishDirectory).filter(
    (name) => name.startsWith('.snapcommit-tree-') && hasContent(name),
  );
  const dataset = `${pool.pool}/.snapcommit/shared/${tree}`;
  zfs('snapshot', `${dataset}@theirs`);
  const failure = await rejectsWith(t, driver.remove(place, ['clone']), 'IN_USE');
  t.match(failure?.message, `${dataset}@theirs`);
  zfs('destroy', `${dataset}@theirs`);
  await driver.remove(place, ['clone']);
  t.same(await driver.list(place), []);

  function hasContent(name: string): boolean {
    return zfs('list', '-H', '-o', 'name', '-r', `${pool.pool}/.snapcommit/shared`).includes(name);
  }
});

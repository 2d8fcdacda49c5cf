/**
 * What every VolumeDriver promises, tested over the real thing by its capabilities. `make` gives a fresh volume whose
 * live tree is empty, and takes it away with t.teardown.
 */
import type { Test } from 'tap';
import { exchanges, liveTree } from './volume-driver-live.js';
import { rejectsWith, type ContractVolume, type MakeContractVolume } from './volume-driver-subject.js';

export {
  directoryFaults,
  directoryTrees,
  rejectsWith,
  type ContractTrees,
  type ContractVolume,
  type MakeContractVolume,
} from './volume-driver-subject.js';

const BAD_NAMES = ['', '.', '..', 'a/b', '/', '../escape', 'nul\0byte'];

export function volumeDriverContract(t: Test, make: MakeContractVolume): void {
  const prepared = async (test: Test): Promise<ContractVolume> => {
    const volume = await make(test);
    await volume.driver.prepare(volume.place);
    return volume;
  };
  inspection(t, make);
  snapshots(t, prepared);
  entries(t, prepared);
  liveTree(t, prepared);
  exchanges(t, prepared);
}

function inspection(t: Test, make: MakeContractVolume): void {
  void t.test('inspect tells the identity and place of a volume and changes nothing', async (t) => {
    const { driver, place } = await make(t);
    const found = await driver.inspect(place.name, place.source, place.publishDirectory);
    t.equal(found.source, place.source);
    t.equal(found.publishDirectory, place.publishDirectory);
    t.not(found.filesystem, '');
    t.equal(found.live, (await driver.live(place)).id);
    t.same(await driver.inspect(place.name, place.source, place.publishDirectory), found, 'twice the same');
    const own = await driver.inspect(place.name, place.source, null);
    t.match(own.publishDirectory, place.name, 'the default place tells the name of the volume');
  });

  void t.test('a source that goes through a symlink is refused, with the path that it resolves to', async (t) => {
    const { driver, place, symlinked } = await make(t);
    if (symlinked === undefined) return t.pass('sources are no paths');
    const failure = await rejectsWith(t, driver.inspect(place.name, await symlinked(), null), 'SOURCE_INVALID');
    return t.match(failure?.message, place.source);
  });

  void t.test('prepare twice is prepare once, and keeps what is there', async (t) => {
    const { driver, place, trees } = await make(t);
    await driver.prepare(place);
    await trees.write(null, 'file', 'content');
    const { id } = await driver.stage(place, 'kept');
    await driver.prepare(place);
    t.equal((await driver.lookup(place, 'kept'))?.id, id);
    t.equal(await trees.read('kept', 'file'), 'content');
  });

  void t.test('a volume that is gone is VOLUME_UNAVAILABLE, named', async (t) => {
    const { driver, place, lose } = await make(t);
    await driver.prepare(place);
    await lose();
    const calls = [
      () => driver.live(place),
      () => driver.stage(place, 'late'),
      () => driver.clone(place, 'late', null),
      () => driver.flush(place),
      () => driver.freeSpace(place),
    ];
    for (const call of calls) {
      const failure = await rejectsWith(t, call(), 'VOLUME_UNAVAILABLE');
      t.match(failure?.message, place.name);
      t.match(failure?.message, place.source);
    }
  });
}

function snapshots(t: Test, prepared: MakeContractVolume): void {
  void t.test('a staged snapshot keeps what the live tree held', async (t) => {
    const { driver, place, trees } = await prepared(t);
    await trees.write(null, 'file', 'one');
    await driver.flush(place);
    const { id } = await driver.stage(place, 'first');
    await trees.write(null, 'file', 'two');
    t.equal(await trees.read('first', 'file'), 'one');
    const found = await driver.lookup(place, 'first');
    t.match(found, { name: 'first', id });
    t.not(id, (await driver.live(place)).id, 'its identity is its own');
    if (driver.capabilities.readOnly) {
      t.equal(found?.readOnly, true);
      await t.rejects(trees.write('first', 'file', 'three'), 'the kernel refuses to write in it');
    }
    t.same(await driver.verifyContent(place, 'first'), []);
  });

  void t.test('each snapshot and clone has an identity of its own', async (t) => {
    const { driver, place } = await prepared(t);
    const made = [
      await driver.stage(place, 'a'),
      await driver.stage(place, 'b'),
      await driver.clone(place, 'c', null),
      await driver.clone(place, 'd', 'a'),
      await driver.seal(place, 'c', 'e'),
    ];
    t.equal(new Set(made.map(({ id }) => id)).size, made.length);
  });

  void t.test('G11 an existing staged name is a failure, never already done', async (t) => {
    const { driver, place, trees, foreign } = await prepared(t);
    await trees.write(null, 'file', 'one');
    const { id } = await driver.stage(place, 'taken');
    await trees.write(null, 'file', 'two');
    await rejectsWith(t, driver.stage(place, 'taken'), 'STAGED_NAME_EXISTS');
    await rejectsWith(t, driver.clone(place, 'taken', null), 'STAGED_NAME_EXISTS');
    await driver.clone(place, 'clone', null);
    await rejectsWith(t, driver.seal(place, 'clone', 'taken'), 'STAGED_NAME_EXISTS');
    t.equal((await driver.lookup(place, 'taken'))?.id, id, 'what is there stays');
    t.equal(await trees.read('taken', 'file'), 'one');
    if (foreign === undefined) return;
    await foreign('foreign');
    await rejectsWith(t, driver.stage(place, 'foreign'), 'STAGED_NAME_EXISTS');
  });

  void t.test('a clone is writable and apart from what it came from; sealing it keeps its state', async (t) => {
    const { driver, place, trees } = await prepared(t);
    await trees.write(null, 'file', 'base');
    await driver.stage(place, 'snapshot');
    await trees.write(null, 'file', 'newer');
    await driver.clone(place, 'of-live', null);
    await driver.clone(place, 'of-snapshot', 'snapshot');
    t.equal(await trees.read('of-live', 'file'), 'newer');
    t.equal(await trees.read('of-snapshot', 'file'), 'base');
    await trees.write('of-snapshot', 'file', 'changed');
    t.equal(await trees.read('snapshot', 'file'), 'base');
    t.equal(await trees.read(null, 'file'), 'newer');
    const { id } = await driver.seal(place, 'of-snapshot', 'sealed');
    await trees.write('of-snapshot', 'file', 'after the seal');
    t.equal(await trees.read('sealed', 'file'), 'changed');
    t.match(await driver.lookup(place, 'sealed'), { id, readOnly: driver.capabilities.readOnly });
  });
}

function entries(t: Test, prepared: MakeContractVolume): void {
  void t.test('a name that is not one path component is refused everywhere', async (t) => {
    const { driver, place } = await prepared(t);
    for (const bad of BAD_NAMES) {
      const calls: readonly (() => Promise<unknown>)[] = [
        () => driver.stage(place, bad),
        () => driver.clone(place, bad, null),
        () => driver.clone(place, 'fine', bad),
        () => driver.seal(place, bad, 'fine'),
        () => driver.rename(place, bad, 'fine'),
        () => driver.rename(place, 'fine', bad),
        () => driver.lookup(place, bad),
        () => driver.remove(place, ['fine', bad]),
        () => Promise.resolve().then(() => driver.path(place, bad)),
      ];
      for (const call of calls) await rejectsWith(t, call(), 'NAME_INVALID');
    }
  });

  void t.test('rename moves an entry with its identity, replaces nothing, and says when there is none', async (t) => {
    const { driver, place } = await prepared(t);
    const { id } = await driver.stage(place, 'staged');
    await driver.stage(place, 'other');
    t.equal(await driver.rename(place, 'staged', 'published'), 'renamed');
    await driver.sync(place);
    t.equal(await driver.lookup(place, 'staged'), null);
    t.equal((await driver.lookup(place, 'published'))?.id, id);
    t.equal(await driver.rename(place, 'staged', 'published'), 'absent', 'again: nothing to rename');
    await rejectsWith(t, driver.rename(place, 'other', 'published'), 'EXISTS');
    t.equal((await driver.lookup(place, 'published'))?.id, id, 'still what it was');
  });

  void t.test('G11 everything is listed: staged, published, and what turned up later', async (t) => {
    const { driver, place, foreign } = await prepared(t);
    t.same(await driver.list(place), []);
    const late = await driver.stage(place, 'zombie');
    const clone = await driver.clone(place, 'clone', null);
    t.match(
      (await driver.list(place)).filter(({ id }) => id !== null),
      [
        { name: 'clone', id: clone.id },
        { name: 'zombie', id: late.id, readOnly: driver.capabilities.readOnly },
      ],
    );
    if (foreign === undefined) return;
    await foreign('foreign');
    t.match(await driver.lookup(place, 'foreign'), { name: 'foreign', id: null });
    t.ok((await driver.list(place)).some(({ name, id }) => name === 'foreign' && id === null));
  });

  void t.test('remove deletes the names, also twice, and nothing else', async (t) => {
    const { driver, place, trees } = await prepared(t);
    await trees.write(null, 'file', 'live');
    for (const name of ['a', 'b', 'kept']) await driver.stage(place, name);
    await driver.clone(place, 'c', null);
    await driver.remove(place, ['a', 'missing', 'b', 'c']);
    await driver.remove(place, ['a', 'b']);
    const left = (await driver.list(place)).filter(({ id }) => id !== null);
    t.same(
      left.map(({ name }) => name),
      ['kept'],
    );
    t.equal(await trees.read(null, 'file'), 'live');
    t.equal(await trees.read('kept', 'file'), 'live');
  });
}

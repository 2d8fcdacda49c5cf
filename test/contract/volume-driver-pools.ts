/** What a driver with calls for whole pools promises of them. `make` gives volumes of one pool with empty live trees, and one of another. */
import type { Test } from 'tap';
import type { Move, PoolCalls, VolumeDriver, VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith, type ContractTrees } from './volume-driver-subject.js';

export interface ContractPool {
  readonly driver: VolumeDriver;
  /** At least two, of one pool. Not prepared yet. */
  readonly places: readonly [VolumePlace, VolumePlace, ...VolumePlace[]];
  readonly elsewhere: VolumePlace;
  trees(place: VolumePlace): ContractTrees;
  /** Takes a volume's source away, as an unmounted or deleted one is. */
  lose(place: VolumePlace): Promise<void>;
}

interface Prepared extends ContractPool {
  readonly pools: PoolCalls;
}

export function poolContract(t: Test, make: (t: Test) => Promise<ContractPool>): void {
  const prepared = async (t: Test): Promise<Prepared> => {
    const pool = await make(t);
    const { pools } = pool.driver;
    if (pools === null) throw new TypeError('this driver has no calls for pools');
    for (const place of [...pool.places, pool.elsewhere]) await pool.driver.prepare(place);
    return { ...pool, pools };
  };
  staging(t, prepared);
  renaming(t, prepared);
}

function staging(t: Test, prepared: (t: Test) => Promise<Prepared>): void {
  void t.test('volumes of one pool say the same of it, others do not', async (t) => {
    const { pools, places, elsewhere } = await prepared(t);
    const told = await Promise.all(places.map(async (place) => pools.poolOf(place)));
    t.equal(new Set(told).size, 1);
    t.not(await pools.poolOf(elsewhere), told[0]);
  });

  void t.test('G8 one call stages every volume of a pool, as of the moment of the call', async (t) => {
    const { driver, pools, places, trees } = await prepared(t);
    const call = await pools.openStage(places, 'staged');
    for (const place of places) t.equal(await driver.lookup(place, 'staged'), null, 'opening it makes nothing');
    for (const place of places) await trees(place).write(null, 'file', `${place.name} before`);
    for (const place of places) await driver.flush(place);
    await call.take();
    for (const place of places) await trees(place).write(null, 'file', 'after');
    const ids = new Set<string>();
    for (const place of places) {
      const id = await call.identity(place);
      ids.add(id);
      t.match(await driver.lookup(place, 'staged'), { name: 'staged', id, readOnly: true });
      t.equal(await trees(place).read('staged', 'file'), `${place.name} before`);
    }
    t.equal(ids.size, places.length, 'each has an identity of its own');
    await call.close();
  });

  void t.test('a stage call that is closed without being taken has made nothing', async (t) => {
    const { driver, pools, places } = await prepared(t);
    const call = await pools.openStage(places, 'staged');
    await call.close();
    await call.close();
    for (const place of places) t.same(await snapshotsOf(driver, place), []);
  });

  void t.test('G8 G11 where one volume has the name already none is staged, and what is there stays', async (t) => {
    const { driver, pools, places } = await prepared(t);
    const last = places.at(-1) ?? places[0];
    const { id } = await driver.stage(last, 'taken');
    const failure = await rejectsWith(t, takeAll(pools, places, 'taken'), 'STAGED_NAME_EXISTS');
    t.equal(failure?.details['volume'], last.name, 'the volume is named');
    for (const place of places.slice(0, -1)) t.equal(await driver.lookup(place, 'taken'), null);
    t.equal((await driver.lookup(last, 'taken'))?.id, id);
  });

  void t.test('G8 where one volume is gone none is staged', async (t) => {
    const { driver, pools, places, lose } = await prepared(t);
    const [first, ...others] = places;
    await lose(first);
    const failure = await rejectsWith(t, takeAll(pools, places, 'staged'), 'VOLUME_UNAVAILABLE');
    t.equal(failure?.details['volume'], first.name, 'the volume is named');
    for (const place of others) t.equal(await driver.lookup(place, 'staged'), null);
  });

  void t.test('a name that is not one path component is refused for a pool, too', async (t) => {
    const { pools, places } = await prepared(t);
    await rejectsWith(t, takeAll(pools, places, 'a/b'), 'NAME_INVALID');
    await rejectsWith(t, pools.rename(movesOf(places, '../a', 'b')), 'NAME_INVALID');
    await rejectsWith(t, pools.rename(movesOf(places, 'a', 'b/c')), 'NAME_INVALID');
  });
}

function renaming(t: Test, prepared: (t: Test) => Promise<Prepared>): void {
  const staged = async (t: Test): Promise<Prepared & { readonly ids: readonly string[] }> => {
    const pool = await prepared(t);
    const call = await pool.pools.openStage(pool.places, 'staged');
    await call.take();
    const ids = await Promise.all(pool.places.map(async (place) => call.identity(place)));
    await call.close();
    return { ...pool, ids };
  };

  void t.test('one call renames the entries of all volumes of a pool, with their identities', async (t) => {
    const { driver, pools, places, ids } = await staged(t);
    await pools.rename(movesOf(places, 'staged', 'published'));
    for (const place of places) await driver.sync(place);
    for (const [index, place] of places.entries()) {
      t.equal(await driver.lookup(place, 'staged'), null);
      t.equal((await driver.lookup(place, 'published'))?.id, ids[index]);
    }
  });

  void t.test('G9 where one entry is gone nothing is renamed, and its volume is named', async (t) => {
    const { driver, pools, places, ids } = await staged(t);
    const last = places.at(-1) ?? places[0];
    await driver.remove(last, ['staged']);
    const failure = await rejectsWith(t, pools.rename(movesOf(places, 'staged', 'published')), 'VOLUME_UNAVAILABLE');
    t.equal(failure?.details['volume'], last.name);
    for (const [index, place] of places.slice(0, -1).entries()) {
      t.equal((await driver.lookup(place, 'staged'))?.id, ids[index]);
      t.equal(await driver.lookup(place, 'published'), null);
    }
  });

  void t.test('where one name is taken nothing is renamed, and what has it stays', async (t) => {
    const { driver, pools, places, ids } = await staged(t);
    const last = places.at(-1) ?? places[0];
    const { id } = await driver.stage(last, 'published');
    const failure = await rejectsWith(t, pools.rename(movesOf(places, 'staged', 'published')), 'EXISTS');
    t.equal(failure?.details['volume'], last.name);
    for (const [index, place] of places.entries()) t.equal((await driver.lookup(place, 'staged'))?.id, ids[index]);
    t.equal(await driver.lookup(places[0], 'published'), null);
    t.equal((await driver.lookup(last, 'published'))?.id, id);
  });
}

async function takeAll(pools: PoolCalls, places: readonly VolumePlace[], name: string): Promise<void> {
  const call = await pools.openStage(places, name);
  try {
    await call.take();
  } finally {
    await call.close();
  }
}

function movesOf(places: readonly VolumePlace[], from: string, to: string): readonly Move[] {
  return places.map((volume) => ({ volume, from, to }));
}

async function snapshotsOf(driver: VolumeDriver, place: VolumePlace): Promise<readonly string[]> {
  return (await driver.list(place)).filter(({ id }) => id !== null).map(({ name }) => name);
}

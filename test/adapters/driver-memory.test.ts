/** The memory driver: the contract that every driver keeps, and what a simulation asks of it besides. */
import t from 'tap';
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { SnapcommitError } from '#src/errors.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith, volumeDriverContract, type ContractVolume } from '../contract/volume-driver.js';

const place: VolumePlace = { name: 'db', source: '/memory/db', publishDirectory: '/memory/.snapcommit/db' };

function makeVolume(): ContractVolume & { readonly driver: MemoryDriver } {
  const driver = createMemoryDriver();
  const { world } = driver;
  world.addVolume(place.source);
  return {
    driver,
    place,
    trees: {
      write: (where, file, content) =>
        Promise.resolve().then(() => {
          world.write(place.source, where, file, content);
        }),
      read: (where, file) => Promise.resolve(world.read(place.source, where, file)),
    },
    lose: () => {
      world.setAvailable(place.source, false);
      return Promise.resolve();
    },
    foreign: (name) => {
      world.addForeign(place.source, name);
      return Promise.resolve();
    },
  };
}

volumeDriverContract(t, () => Promise.resolve(makeVolume()));

void t.test('a crash loses a rename that was not synced, and keeps one that was', async (t) => {
  const { driver } = makeVolume();
  await driver.prepare(place);
  await driver.stage(place, 'a');
  await driver.rename(place, 'a', 'b');
  driver.world.crash();
  t.equal(await driver.lookup(place, 'b'), null);
  t.not(await driver.lookup(place, 'a'), null);
  await driver.rename(place, 'a', 'b');
  await driver.sync(place);
  driver.world.crash();
  t.not(await driver.lookup(place, 'b'), null);
});

void t.test('a crash keeps as many unsynced changes as the journal wrote, in their order', async (t) => {
  const { driver } = makeVolume();
  await driver.prepare(place);
  await driver.stage(place, 'a');
  await driver.rename(place, 'a', 'b');
  await driver.rename(place, 'b', 'c');
  driver.world.crash((_, pending) => {
    t.equal(pending, 2);
    return 1;
  });
  t.same(
    (await driver.list(place)).map(({ name }) => name),
    ['b'],
  );
});

void t.test('T8 an exchange that crashed before its syncs is lost or kept, and repeating it ends it', async (t) => {
  for (const kept of [0, 9]) {
    const { driver } = makeVolume();
    await driver.prepare(place);
    const base = (await driver.live(place)).id;
    const clone = (await driver.clone(place, 'clone', null)).id;
    await driver.seal(place, 'clone', 'sealed');
    driver.onBoundary = (boundary) => {
      if (boundary === 'exchange.after-exchange') throw new Error('crash');
    };
    await t.rejects(driver.exchange(place, 'clone', { base, clone }), /crash/);
    driver.world.crash(() => kept);
    driver.onBoundary = () => undefined;
    t.equal((await driver.live(place)).id, kept === 0 ? base : clone);
    t.equal(await driver.exchange(place, 'clone', { base, clone }), kept === 0 ? 'exchanged' : 'done');
    driver.world.crash();
    t.equal((await driver.live(place)).id, clone, 'durable once it resolved');
  }
});

void t.test('planted faults: without effect, with it, and with an effect that arrives late (G11)', async (t) => {
  const { driver } = makeVolume();
  await driver.prepare(place);
  const failure = new SnapcommitError('STAGE_FAILED', 'planted');
  driver.failNext('stage', failure);
  await rejectsWith(t, driver.stage(place, 'none'), 'STAGE_FAILED');
  driver.failNext('stage', failure, 'done');
  await rejectsWith(t, driver.stage(place, 'done'), 'STAGE_FAILED');
  driver.failNext('stage', failure, 'late');
  await rejectsWith(t, driver.stage(place, 'late'), 'STAGE_FAILED');
  const names = async (): Promise<readonly string[]> => (await driver.list(place)).map(({ name }) => name);
  t.same(await names(), ['done']);
  await driver.arriveLate();
  t.same(await names(), ['done', 'late']);
  await driver.stage(place, 'next');
  t.same(await names(), ['done', 'late', 'next'], 'a fault is used up');
});

/** The memory driver with pools: the contracts of a driver and of its calls for pools, and what a simulation asks besides. */
import t from 'tap';
import { createMemoryDriver, type MemoryDriver } from '#src/adapters/driver-memory/index.js';
import { SnapcommitError } from '#src/errors.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { poolContract, type ContractPool } from '../contract/volume-driver-pools.js';
import { rejectsWith, volumeDriverContract, type ContractTrees } from '../contract/volume-driver.js';

const [db, wal, blobs] = ['db', 'wal', 'blobs'].map((name): VolumePlace => ({
  name,
  source: `/memory/${name}`,
  publishDirectory: `/memory/.snapcommit/${name}`,
})) as [VolumePlace, VolumePlace, VolumePlace];

function makePool(): ContractPool & { readonly driver: MemoryDriver } {
  const driver = createMemoryDriver(undefined, true);
  const { world } = driver;
  for (const { source } of [db, wal]) world.addVolume(source, {}, 'tank');
  world.addVolume(blobs.source);
  const trees = ({ source }: VolumePlace): ContractTrees => ({
    write: (where, file, content) =>
      Promise.resolve().then(() => {
        world.write(source, where, file, content);
      }),
    read: (where, file) => Promise.resolve(world.read(source, where, file)),
  });
  return {
    driver,
    places: [db, wal],
    elsewhere: blobs,
    trees,
    lose: ({ source }) => {
      world.setAvailable(source, false);
      return Promise.resolve();
    },
  };
}

poolContract(t, () => Promise.resolve(makePool()));

volumeDriverContract(t, () => {
  const { driver, trees, lose } = makePool();
  return Promise.resolve({ driver, place: db, trees: trees(db), lose: () => lose(db) });
});

void t.test('G8 a power loss keeps all that a pool staged or renamed in one call, or nothing of it', async (t) => {
  const { driver } = makePool();
  for (const place of [db, wal]) await driver.prepare(place);
  const call = await driver.pools?.openStage([db, wal], 'staged');
  driver.world.crash();
  for (const place of [db, wal]) t.equal(await driver.lookup(place, 'staged'), null);
  await call?.take();
  driver.world.crash();
  for (const place of [db, wal]) t.not(await driver.lookup(place, 'staged'), null);
  await driver.pools?.rename([db, wal].map((volume) => ({ volume, from: 'staged', to: 'published' })));
  driver.world.crash();
  for (const place of [db, wal]) t.not(await driver.lookup(place, 'published'), null);
});

void t.test('planted faults hit a whole pool: nothing, everything, or everything later (G11)', async (t) => {
  const { driver } = makePool();
  for (const place of [db, wal]) await driver.prepare(place);
  const failure = new SnapcommitError('STAGE_FAILED', 'planted');
  for (const [effect, name] of [
    ['none', 'a'],
    ['done', 'b'],
    ['late', 'c'],
  ] as const) {
    const call = await driver.pools?.openStage([db, wal], name);
    driver.failNext('stage', failure, effect);
    await rejectsWith(t, call?.take() ?? Promise.resolve(), 'STAGE_FAILED');
  }
  const names = async (place: VolumePlace): Promise<readonly string[]> =>
    (await driver.list(place)).map(({ name }) => name);
  for (const place of [db, wal]) t.same(await names(place), ['b']);
  await driver.arriveLate();
  for (const place of [db, wal]) t.same(await names(place), ['b', 'c']);
});

void t.test('volumes of two pools are not taken for one', async (t) => {
  const { driver } = makePool();
  await t.rejects(Promise.resolve(driver.pools?.openStage([db, blobs], 'staged')), /another pool/);
});

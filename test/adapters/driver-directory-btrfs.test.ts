/** The directory driver where content can be shared, and through real power losses. */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createDirectoryDriver } from '#src/adapters/driver-directory/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs, type TestBtrfs } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';

requireBtrfs(t);
const driver = createDirectoryDriver();

function placeIn(mount: string): VolumePlace {
  return { name: 'db', source: join(mount, 'live'), publishDirectory: join(mount, '.snapcommit', 'db') };
}

async function makePlace(btrfs: TestBtrfs): Promise<VolumePlace> {
  const place = placeIn(btrfs.mount);
  mkdirSync(place.source);
  writeFileSync(join(place.source, 'file'), 'old');
  await driver.prepare(place);
  return place;
}

void t.test('content is shared where the filesystem can, with the same metadata and digest', async (t) => {
  const place = await makePlace(makeBtrfs(t));
  const large = join(place.source, 'large');
  writeFileSync(large, Buffer.alloc(32 << 20, 'x'));
  await driver.flush(place);
  const before = (await driver.freeSpace(place)).dataBytes;
  await driver.stage(place, 's');
  const used = before - (await driver.freeSpace(place)).dataBytes;
  t.ok(used < 8 << 20, `${String(used)} bytes for a copy of 32 MiB`);
  t.same(await driver.verifyContent(place, 's'), []);
  t.equal(lstatSync(join(driver.path(place, 's'), 'large')).mode, lstatSync(large).mode);
  writeFileSync(large, 'changed');
  t.same(await driver.verifyContent(place, 's'), []);
});

void t.test('a subvolume inside the tree is refused by name', async (t) => {
  const place = await makePlace(makeBtrfs(t));
  const nested = join(place.source, 'nested');
  execFileSync('btrfs', ['--quiet', 'subvolume', 'create', nested]);
  t.match((await rejectsWith(t, driver.stage(place, 's'), 'SOURCE_NESTED'))?.message, nested);
  t.same(await driver.list(place), []);
});

void t.test('D7 what resolved survives a power loss: prepare, stage, seal, rename with sync, remove', async (t) => {
  const btrfs = makeBtrfs(t);
  const place = await makePlace(btrfs);
  const after = async (): Promise<readonly string[]> => {
    const lost = placeIn(btrfs.afterPowerLoss());
    const entries = await driver.list(lost);
    for (const { name, id } of entries) {
      if (id !== null) t.same(await driver.verifyContent(lost, name), [], name);
    }
    return entries.filter(({ id }) => id !== null).map(({ name }) => name);
  };
  t.same(await after(), []);
  await driver.stage(place, 'a');
  t.same(await after(), ['a']);
  await driver.clone(place, 'clone', null);
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'new');
  await driver.seal(place, 'clone', 'b');
  t.same(await after(), ['a', 'b', 'clone']);
  await driver.rename(place, 'a', 'published');
  await driver.sync(place);
  t.same(await after(), ['b', 'clone', 'published']);
  await driver.remove(place, ['b', 'clone']);
  t.same(await after(), ['published']);
});

void t.test('G12 an exchange survives a power loss whole, with what was written to the clone', async (t) => {
  const btrfs = makeBtrfs(t);
  const place = await makePlace(btrfs);
  await driver.flush(place);
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'clone', null)).id;
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'new');
  t.equal(await driver.exchange(place, 'clone', { base, clone }), 'exchanged');
  const lost = placeIn(btrfs.afterPowerLoss());
  t.equal((await driver.live(lost)).id, clone, 'identities survive');
  t.equal((await driver.lookup(lost, 'clone'))?.id, base);
  t.equal(readFileSync(join(lost.source, 'file'), 'utf8'), 'new');
  t.equal(await driver.exchange(lost, 'clone', { base, clone }), 'done');
});

/** What can be a volume of the ZFS driver, and what is refused by name. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver, isDataset } from '#src/adapters/driver-zfs/index.js';
import { driverOfPath } from '#src/daemon/add-volume.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makePool, zfs, zpool } from '../support/zfs.js';

const runner = createCommandRunner();
const driver = createZfsDriver(runner);
const pool = makePool(t);
const named = (name: string): string => `${pool.pool}/${name}`;

void t.test('a dataset is found by its name and by its mount point', async (t) => {
  const source = pool.dataset('found');
  const byName = await driver.inspect('db', named('found'), null);
  t.equal(byName.source, source);
  t.match(byName.filesystem, /^zfs:\d+$/);
  t.same(await driver.inspect('db', source, null), byName);
  t.equal(await driverOfPath(source), 'zfs');
  t.ok(await isDataset(runner, named('found')));
  t.notOk(await isDataset(runner, named('nothing')));
  mkdirSync(join(source, 'directory'));
  t.equal(await driverOfPath(join(source, 'directory')), 'directory');
  const inside = await rejectsWith(t, driver.inspect('db', join(source, 'directory'), null), 'SOURCE_INVALID');
  t.match(inside?.message, named('found'), 'and the dataset that it lies in is named');
  await rejectsWith(t, driver.inspect('db', named('nothing'), null), 'SOURCE_INVALID');
});

void t.test('what is no live filesystem is refused by name, with what to do', async (t) => {
  zfs('create', '-s', '-V', '16M', named('block'));
  t.match((await rejectsWith(t, driver.inspect('v', named('block'), null), 'SOURCE_INVALID'))?.message, /zvol/);
  pool.dataset('away');
  zfs('snapshot', `${named('away')}@theirs`);
  await rejectsWith(t, driver.inspect('v', `${named('away')}@theirs`, null), 'SOURCE_INVALID');
  zfs('unmount', named('away'));
  const away = await rejectsWith(t, driver.inspect('v', named('away'), null), 'VOLUME_UNAVAILABLE');
  t.match(away?.message, `zfs mount ${named('away')}`);
  zfs('set', 'mountpoint=none', named('away'));
  t.match(
    (await rejectsWith(t, driver.inspect('v', named('away'), null), 'VOLUME_UNAVAILABLE'))?.message,
    /mountpoint=/,
  );
  const readOnly = pool.dataset('shut', '-o', 'readonly=on');
  await rejectsWith(t, driver.inspect('v', readOnly, null), 'SOURCE_INVALID');
  t.equal((await driver.inspect('v', readOnly, null, true)).source, readOnly, 'an interrupted swap leaves it so');
  const long = 'n'.repeat(90);
  t.match((await rejectsWith(t, driver.inspect('v', pool.dataset(long), null), 'SOURCE_INVALID'))?.message, /bytes/);
});

void t.test('an encrypted dataset whose key is not loaded says so', async (t) => {
  const key = join(pool.directory, 'key');
  writeFileSync(key, 'a key of thirty-two bytes, just so'.slice(0, 32));
  const options = ['encryption=on', 'keyformat=raw', `keylocation=file://${key}`];
  const source = pool.dataset('secret', ...options.flatMap((option) => ['-o', option]));
  t.equal((await driver.inspect('db', named('secret'), null)).source, source);
  zfs('unmount', named('secret'));
  zfs('unload-key', named('secret'));
  const failure = await rejectsWith(t, driver.inspect('db', named('secret'), null), 'VOLUME_UNAVAILABLE');
  t.match(failure?.message, `zfs load-key ${named('secret')}`);
});

void t.test('child datasets are refused by name, unless they are said to be separate', async (t) => {
  const source = pool.dataset('parent');
  const place = { name: 'db', source, publishDirectory: join(pool.mount, '.snapcommit', 'db') };
  await driver.prepare(place);
  const child = pool.dataset('parent/child');
  const nested = await rejectsWith(t, driver.inspect('db', source, null), 'SOURCE_NESTED');
  t.match(nested?.message, named('parent/child'));
  await rejectsWith(t, driver.live(place), 'SOURCE_NESTED');
  t.match(await driver.live(place, true), { readOnly: false }, 'but not to who only opens it again');
  zfs('set', 'snapcommit:children=separate', named('parent'));
  const found = await driver.inspect('db', source, null);
  t.match(found.exchange, { possible: false, reason: named('parent/child') });
  await driver.stage(place, 'staged');
  const inner = await driver.inspect('inner', child, join(pool.mount, '.snapcommit', 'inner'));
  t.equal(inner.source, child, 'the child can be a volume of its own');
  t.match(
    await driver.inspect('root', pool.mount, join(pool.directory, 'publish')).catch(String),
    /has child datasets/,
  );
});

void t.test('a publish directory that cannot be a dataset of the same pool is refused', async (t) => {
  const source = pool.dataset('published');
  for (const publish of [source, join(source, 'inside'), pool.mount, '/proc'])
    await rejectsWith(t, driver.inspect('db', source, publish), 'SOURCE_INVALID');
  const place = { name: 'db2', source, publishDirectory: join(pool.directory, 'full') };
  mkdirSync(place.publishDirectory);
  writeFileSync(join(place.publishDirectory, 'file'), '');
  await rejectsWith(t, driver.prepare(place), 'SOURCE_INVALID');
  t.notMatch(zpool('history', pool.pool), /full/, 'nothing was made for it');
});

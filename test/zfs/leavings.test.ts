/** What an exchange leaves behind: nothing in the publish directory, and a live dataset that the next boot mounts. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import { crashAt, makePool, mountLinesAt, property, zfs } from '../support/zfs.js';

const driver = createZfsDriver(createCommandRunner());
const pool = makePool(t);

void t.test('a dataset that inherits its mount point is mounted at the next boot, and keeps what it had', async (t) => {
  const source = pool.dataset('inherits', '-o', 'reservation=1M');
  const place = { name: 'inherits', source, publishDirectory: join(pool.mount, '.snapcommit', 'inherits') };
  await driver.prepare(place);
  for (const [turn, clone] of ['first', 'second'].entries()) {
    const base = (await driver.live(place)).id;
    const { id } = await driver.clone(place, clone, null);
    writeFileSync(join(driver.path(place, clone), 'file'), clone);
    await driver.seal(place, clone, `app@${String(turn + 1)}`);
    await driver.setLiveReadOnly(place, true);
    t.equal(await driver.exchange(place, clone, { base, clone: id }), 'exchanged');
    const dataset = `${pool.pool}/inherits`;
    t.equal(property(dataset, 'canmount'), 'on');
    t.equal(property(dataset, 'reservation'), String(1 << 20));
    zfs('unmount', '-f', dataset);
    zfs('mount', '-a');
    t.equal(mountLinesAt(source).length, 1, 'it is mounted at the next boot');
    t.equal(readFileSync(join(source, 'file'), 'utf8'), clone);
  }
});

void t.test('D7 what is published is synced also where the pool does without', async (t) => {
  zfs('set', 'sync=disabled', pool.pool);
  const source = pool.dataset('careless');
  const place = { name: 'careless', source, publishDirectory: join(pool.mount, '.snapcommit', 'careless') };
  await driver.prepare(place);
  t.equal(property(`${pool.pool}/.snapcommit/careless`, 'sync'), 'standard');
  zfs('inherit', 'sync', pool.pool);
});

void t.test('T8 what was renamed is exchanged under its new name, whoever has the old one by now', async (t) => {
  const source = pool.dataset('old', '-o', `mountpoint=${join(pool.directory, 'renamed')}`);
  const place = { name: 'old', source, publishDirectory: join(pool.mount, '.snapcommit', 'old') };
  await driver.prepare(place);
  zfs('rename', `${pool.pool}/old`, `${pool.pool}/new`);
  const other = pool.dataset('old');
  writeFileSync(join(other, 'file'), 'somebody else’s');
  const base = (await driver.live(place)).id;
  const { id } = await driver.clone(place, 'clone', null);
  writeFileSync(join(driver.path(place, 'clone'), 'file'), 'exchanged');
  await driver.setLiveReadOnly(place, true);
  crashAt('exchange.after-base', 'exchange', place, 'clone', { base, clone: id });
  const found = await driver.inspect('old', source, place.publishDirectory, true);
  t.equal(found.live, base, 'its disk can be moved to another node in the middle');
  await t.rejects(driver.inspect('old', source, place.publishDirectory), { code: 'SOURCE_MANAGED' });
  t.equal(await driver.exchange(place, 'clone', { base, clone: id }), 'exchanged');
  t.equal(readFileSync(join(source, 'file'), 'utf8'), 'exchanged');
  t.equal(property(`${pool.pool}/new`, 'guid'), id);
  t.same(readdirSync(other), ['file'], 'the other one is where it was');
});

void t.test('no directory of a tree outlives it, also where a boot has not mounted it', async (t) => {
  const source = pool.dataset('tidy');
  const place = { name: 'tidy', source, publishDirectory: join(pool.mount, '.snapcommit', 'tidy') };
  await driver.prepare(place);
  mkdirSync(join(place.publishDirectory, '.snapcommit-tree-00112233aabbccdd'));
  const base = (await driver.live(place)).id;
  const { id } = await driver.clone(place, 'clone', null);
  zfs('unmount', driver.path(place, 'clone'));
  await driver.setLiveReadOnly(place, true);
  await driver.exchange(place, 'clone', { base, clone: id });
  const trees = (): readonly string[] => readdirSync(place.publishDirectory).filter((name) => name.includes('-tree-'));
  t.equal(trees().length, 1, 'the replaced one’s');
  await driver.remove(place, ['clone']);
  t.same(trees(), []);
});

/** What the btrfs driver accepts as a volume, what it refuses and how, and where it puts the publish directory. */
import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { createBtrfsDriver, isBtrfsSubvolume } from '#src/adapters/driver-btrfs/index.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs, run } from '../support/btrfs.js';

const driver = createBtrfsDriver();

void t.test('a subvolume is recognised, nothing else is', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  mkdirSync(join(source, 'directory'));
  writeFileSync(join(source, 'file'), '');
  t.equal(await isBtrfsSubvolume(source), true);
  t.equal(await isBtrfsSubvolume(btrfs.mount), true);
  for (const other of [
    join(source, 'directory'),
    join(source, 'file'),
    join(source, 'missing'),
    btrfs.outside,
    '/proc',
  ])
    t.equal(await isBtrfsSubvolume(other), false, other);
});

void t.test('the identity is the UUID, and the filesystem its own', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  const found = await driver.inspect('db', source, null);
  t.match(run('btrfs', 'subvolume', 'show', source), found.live);
  t.match(run('btrfs', 'filesystem', 'show', btrfs.mount), found.filesystem);
});

void t.test('the publish directory stands beside the source, in a subvolume of its own, for all to read', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  const inspection = await driver.inspect('db', source, null);
  t.equal(inspection.publishDirectory, join(btrfs.mount, '.snapcommit/db'));
  t.same(inspection.exchange, { possible: true });
  const mask = process.umask(0o077);
  t.teardown(() => process.umask(mask));
  await driver.prepare({ name: 'db', source, publishDirectory: inspection.publishDirectory });
  t.equal(await isBtrfsSubvolume(dirname(inspection.publishDirectory)), true);
  t.equal(await isBtrfsSubvolume(inspection.publishDirectory), false);
  for (const path of [inspection.publishDirectory, dirname(inspection.publishDirectory)])
    t.equal(statSync(path).mode & 0o7777, 0o755, path);
});

void t.test('of a mount point it stands inside, does not count as nested, and is no obstacle to capture', async (t) => {
  const btrfs = makeBtrfs(t);
  btrfs.subvolume('live');
  const source = btrfs.mountSubvolume('live');
  const { publishDirectory, exchange } = await driver.inspect('db', source, null);
  t.equal(publishDirectory, join(source, '.snapcommit/db'));
  t.match(exchange, { possible: false, reason: /--publish DIR/ });
  const place = { name: 'db', source, publishDirectory };
  await driver.prepare(place);
  const { id } = await driver.stage(place, 'one');
  t.ok((await driver.live(place)).id);
  t.equal((await driver.lookup(place, 'one'))?.id, id);
  await driver.inspect('db', source, null);
});

void t.test(
  'a mount point with a publish directory elsewhere can be exchanged, the root of a filesystem never',
  async (t) => {
    const btrfs = makeBtrfs(t);
    btrfs.subvolume('live');
    const source = btrfs.mountSubvolume('live');
    t.same((await driver.inspect('db', source, join(btrfs.mount, 'publish'))).exchange, { possible: true });
    t.match(await driver.inspect('db', btrfs.mount, null).catch(String), /SOURCE_NESTED|subvolumes inside/);
    const empty = makeBtrfs(t);
    const top = await driver.inspect('top', empty.mount, null);
    t.match(top.exchange, { possible: false, reason: /subvolume 5/ });
    t.equal(top.publishDirectory, join(empty.mount, '.snapcommit/top'));
    run('btrfs', 'subvolume', 'set-default', source);
    t.match((await driver.inspect('db', source, join(btrfs.mount, 'publish'))).exchange, {
      possible: false,
      reason: /default subvolume/,
    });
  },
);

void t.test('a mount inside the source is an obstacle to its exchange', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  mkdirSync(join(source, 'inner'));
  run('mount', '--bind', btrfs.outside, join(source, 'inner'));
  t.match((await driver.inspect('db', source, null)).exchange, { possible: false, reason: /inner is mounted inside/ });
});

void t.test('nested subvolumes are refused by name, also when they come later', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  const place = { name: 'db', source, publishDirectory: join(btrfs.mount, '.snapcommit/db') };
  await driver.prepare(place);
  await driver.live(place);
  btrfs.subvolume('live/postgres');
  const failure = await rejectsWith(t, driver.inspect('db', source, null), 'SOURCE_NESTED');
  t.match(failure?.message, /postgres/);
  t.same(failure?.details['nested'], ['postgres']);
  await rejectsWith(t, driver.live(place), 'SOURCE_NESTED');
  t.match(await driver.live(place, true), { readOnly: false }, 'but not to who only opens it again');
  for (let index = 0; index < 12; index++) btrfs.subvolume(`live/n${String(index)}`);
  const many = await rejectsWith(t, driver.inspect('db', source, null), 'SOURCE_NESTED');
  t.match(many?.details['nested'], { length: 10 });
});

void t.test('a clone in which subvolumes were made is not sealed, and they are named', async (t) => {
  const btrfs = makeBtrfs(t);
  const place = { name: 'db', source: btrfs.subvolume('live'), publishDirectory: join(btrfs.mount, '.snapcommit/db') };
  await driver.prepare(place);
  await driver.clone(place, 'clone', null);
  mkdirSync(join(driver.path(place, 'clone'), 'directory'));
  btrfs.subvolume('.snapcommit/db/clone/directory/postgres');
  const failure = await rejectsWith(t, driver.seal(place, 'clone', 'sealed'), 'SOURCE_NESTED');
  t.match(failure?.message, /live, which .*: directory\/postgres; make directories/);
  t.same(failure?.details['nested'], ['directory/postgres']);
  t.equal(await driver.lookup(place, 'sealed'), null);
});

void t.test('symlinks in any component are refused with the path that they resolve to', async (t) => {
  const btrfs = makeBtrfs(t);
  mkdirSync(join(btrfs.mount, 'real'));
  const source = btrfs.subvolume('real/live');
  symlinkSync('real', join(btrfs.mount, 'link'));
  symlinkSync(source, join(btrfs.mount, 'direct'));
  for (const path of [
    join(btrfs.mount, 'link/live'),
    join(btrfs.mount, 'direct'),
    `${btrfs.mount}/link/../link/live`,
  ]) {
    const failure = await rejectsWith(t, driver.inspect('db', path, null), 'SOURCE_INVALID');
    t.match(failure?.message, realpathSync(path), path);
  }
  t.equal((await driver.inspect('db', `${source}/`, null)).source, source, 'a slash at the end is no symlink');
  const place = { name: 'db', source: join(btrfs.mount, 'direct'), publishDirectory: '/unused' };
  await rejectsWith(t, driver.live(place), 'SOURCE_INVALID');
});

void t.test('other sources are refused', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  mkdirSync(join(source, 'directory'));
  await driver.prepare({ name: 'db', source, publishDirectory: join(btrfs.mount, '.snapcommit/db') });
  await rejectsWith(t, driver.inspect('db', 'live', null), 'SOURCE_INVALID');
  await rejectsWith(t, driver.inspect('db', join(source, 'directory'), null), 'SOURCE_INVALID');
  await rejectsWith(t, driver.inspect('db', join(source, 'missing'), null), 'SOURCE_INVALID');
  await rejectsWith(t, driver.inspect('db', btrfs.outside, null), 'SOURCE_INVALID');
  const managed = btrfs.subvolume('.snapcommit/db/clone');
  await rejectsWith(t, driver.inspect('db', managed, null), 'SOURCE_MANAGED');
  run('btrfs', 'property', 'set', '-ts', source, 'ro', 'true');
  await rejectsWith(t, driver.inspect('db', source, null), 'SOURCE_INVALID');
});

void t.test('publish directories that cannot work are refused', async (t) => {
  const btrfs = makeBtrfs(t);
  const other = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  symlinkSync('.', join(btrfs.mount, 'link'));
  const refused = [
    [btrfs.outside, /another filesystem/],
    [join(other.mount, 'publish'), /another filesystem/],
    [join(source, 'publish'), /inside the source/],
    [source, /source itself/],
    ['relative', /absolute/],
    [`${btrfs.mount}/link/publish`, /symlink/],
  ] as const;
  for (const [publish, why] of refused) {
    const failure = await rejectsWith(t, driver.inspect('db', source, publish), 'SOURCE_INVALID');
    t.match(failure?.message, why);
  }
});

void t.test('a publish directory that belongs to another user is refused', async (t) => {
  const btrfs = makeBtrfs(t);
  const source = btrfs.subvolume('live');
  mkdirSync(join(btrfs.mount, '.snapcommit'));
  chownSync(join(btrfs.mount, '.snapcommit'), 1000, 1000);
  const place = { name: 'db', source, publishDirectory: join(btrfs.mount, '.snapcommit/db') };
  await rejectsWith(t, driver.prepare(place), 'SOURCE_INVALID');
});

void t.test('a source whose filesystem is not mounted is VOLUME_UNAVAILABLE', async (t) => {
  const btrfs = makeBtrfs(t);
  btrfs.subvolume('live');
  const source = btrfs.mountSubvolume('live');
  const place = { name: 'db', source, publishDirectory: join(btrfs.mount, 'publish') };
  await driver.prepare(place);
  run('umount', source);
  const failure = await rejectsWith(t, driver.stage(place, 'one'), 'VOLUME_UNAVAILABLE');
  t.match(failure?.message, `volume db`);
  t.match(failure?.message, source);
});

void t.test('without libbtrfsutil the package that has it is named; koffi is loaded only when a call needs it', (t) => {
  const library = /=> (\S*libbtrfsutil\.so\.1)$/m.exec(run('ldconfig', '--print-cache'))?.[1] ?? '';
  const driverFile = new URL('../../../dist/adapters/driver-btrfs/index.js', import.meta.url).href;
  const program = `
    import { createRequire } from 'node:module';
    const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((file) => file.includes('koffi'));
    const { isBtrfsSubvolume, createBtrfsDriver } = await import(${JSON.stringify(driverFile)});
    createBtrfsDriver();
    console.log(loaded());
    console.log(await isBtrfsSubvolume('/').catch(({ code, message }) => code + ' ' + message));
    console.log(loaded());`;
  const hidden = 'mount --bind /dev/null "$(readlink -f "$1")" && exec "$2" --input-type=module --eval "$3"';
  const { stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', hidden, 'sh', library, process.execPath, program],
    { encoding: 'utf8' },
  );
  t.match(stdout, /^false\nDEPENDENCY_MISSING .*libbtrfsutil1.*\ntrue\n$/, stderr);
  t.end();
});

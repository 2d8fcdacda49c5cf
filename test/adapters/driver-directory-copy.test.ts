/** What a copy of the directory driver keeps, what it refuses, and that it never leaves the volume. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { getXattr, listXattrs, makeNode, setTimes, setXattr } from '#src/native/file-metadata.js';
import { syncFilesystem } from '#src/native/sync.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeDirectoryVolume } from '../support/directory-volume.js';
import { temporaryDirectory } from '../support/temp.js';

const isRoot = process.getuid?.() === 0;

void t.test('a copy keeps modes, times to the nanosecond, empty directories and odd names', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  const odd = Buffer.concat([Buffer.from(`${place.source}/`), Buffer.from([0xff, 0xfe, 0x0a, 0x5c])]);
  writeFileSync(odd, 'odd');
  mkdirSync(join(place.source, 'empty'), { mode: 0o2750 });
  chmodSync(join(place.source, 'empty'), 0o2750);
  writeFileSync(join(place.source, 'file'), 'content');
  chmodSync(join(place.source, 'file'), 0o4751);
  symlinkSync('nowhere', join(place.source, 'link'));
  const mtimeNs = 1_234_567_890_123_456_789n;
  for (const name of ['file', 'link', 'empty']) setTimes(Buffer.from(join(place.source, name)), mtimeNs, mtimeNs + 1n);
  setTimes(Buffer.from(join(place.source, 'empty')), -1n, -999_999_999n);
  await driver.stage(place, 's');
  const copy = driver.path(place, 's');
  for (const name of ['empty', 'file', 'link']) {
    const [was, is] = [place.source, copy].map((tree) => lstatSync(join(tree, name), { bigint: true }));
    t.equal(is?.mode, was?.mode, `${name}: mode`);
    t.equal(is?.mtimeNs, was?.mtimeNs, `${name}: mtime`);
  }
  t.equal(lstatSync(join(copy, 'file'), { bigint: true }).mtimeNs, mtimeNs + 1n);
  t.ok(readdirSync(copy, { encoding: 'buffer' }).some((name) => name.equals(Buffer.from([0xff, 0xfe, 0x0a, 0x5c]))));
  t.same(await driver.verifyContent(place, 's'), []);
});

void t.test('hard links inside the tree stay hard links, in snapshots and clones', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  mkdirSync(join(place.source, 'a'));
  writeFileSync(join(place.source, 'z'), 'shared');
  linkSync(join(place.source, 'z'), join(place.source, 'a', 'first'));
  linkSync(join(place.source, 'z'), join(place.source, 'b'));
  await driver.stage(place, 's');
  await driver.clone(place, 'c', null);
  for (const name of ['s', 'c']) {
    const inodes = ['a/first', 'b', 'z'].map((file) => lstatSync(join(driver.path(place, name), file)).ino);
    t.equal(new Set(inodes).size, 1, name);
    t.not(inodes[0], lstatSync(join(place.source, 'z')).ino, 'and none with the source');
  }
  t.equal(readFileSync(join(driver.path(place, 's'), 'b'), 'utf8'), 'shared');
});

void t.test(
  'a symlink is copied as it is: nothing outside the volume is read, changed or deleted through it',
  async (t) => {
    const { driver, place, parent } = await makeDirectoryVolume(t);
    const outside = join(parent, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'secret'), 'kept');
    symlinkSync(outside, join(place.source, 'directory'));
    symlinkSync(join(outside, 'secret'), join(place.source, 'file'));
    symlinkSync('/', join(place.source, 'root'));
    await driver.stage(place, 's');
    const copy = driver.path(place, 's');
    t.equal(readlinkSync(join(copy, 'directory')), outside);
    t.equal(readlinkSync(join(copy, 'file')), join(outside, 'secret'));
    t.same(await driver.verifyContent(place, 's'), []);
    writeFileSync(join(outside, 'secret'), 'changed outside');
    t.same(await driver.verifyContent(place, 's'), [], 'what a link points to is no content of the volume');
    symlinkSync(outside, join(place.publishDirectory, 'planted'));
    t.match(await driver.lookup(place, 'planted'), { id: null });
    await driver.remove(place, ['s', 'planted']);
    t.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'changed outside');
    t.same(readdirSync(place.publishDirectory), []);
  },
);

void t.test('a FIFO is made anew, a socket is left out and counted', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  execFileSync('mkfifo', [join(place.source, 'fifo')]);
  const server = createServer().listen(join(place.source, 'socket'));
  t.teardown(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  await driver.stage(place, 's');
  const copy = driver.path(place, 's');
  t.ok(lstatSync(join(copy, 'fifo')).isFIFO());
  t.notOk(existsSync(join(copy, 'socket')));
  t.match(readFileSync(join(copy, '..', 'identity'), 'utf8'), /"skippedSockets":1/);
  t.same(await driver.verifyContent(place, 's'), []);
});

void t.test('holes stay holes', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  const file = join(place.source, 'sparse');
  writeFileSync(file, 'head');
  truncateSync(file, 3 << 20);
  writeFileSync(file, Buffer.alloc(1 << 20, 'tail'), { flag: 'a' });
  truncateSync(file, 64 << 20);
  await syncFilesystem(place.source);
  await driver.stage(place, 's');
  const copy = join(driver.path(place, 's'), 'sparse');
  t.ok(readFileSync(copy).equals(readFileSync(file)), 'the same bytes');
  t.ok(lstatSync(copy).blocks * 512 < 8 << 20, 'without the holes’ space');
});

void t.test('extended attributes are copied, also on files that nobody may write to', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  const file = Buffer.from(join(place.source, 'file'));
  writeFileSync(file, '');
  setXattr(file, 'user.colour', Buffer.from('green'));
  setXattr(file, 'user.large', Buffer.alloc(2000, 'x'));
  chmodSync(file, 0o400);
  await driver.stage(place, 's');
  const copy = Buffer.from(join(driver.path(place, 's'), 'file'));
  t.same([...listXattrs(copy)].sort(), ['user.colour', 'user.large']);
  t.equal(getXattr(copy, 'user.colour')?.toString(), 'green');
  t.equal(getXattr(copy, 'user.large')?.length, 2000);
  t.equal(lstatSync(copy).mode & 0o777, 0o400);
  chmodSync(copy, 0o600);
  setXattr(copy, 'user.colour', Buffer.from('red'));
  chmodSync(copy, 0o400);
  t.match(await driver.verifyContent(place, 's'), [/file: differs in attributes$/]);
});

if (isRoot) {
  void t.test('root keeps owners and device nodes', async (t) => {
    const { driver, place } = await makeDirectoryVolume(t);
    writeFileSync(join(place.source, 'file'), '');
    execFileSync('chown', ['-h', '65534:12345', join(place.source, 'file')]);
    makeNode(Buffer.from(join(place.source, 'null')), 0o020600, 0x103n);
    await driver.stage(place, 's');
    const [file, node] = ['file', 'null'].map((name) => lstatSync(join(driver.path(place, 's'), name)));
    t.match(file, { uid: 65534, gid: 12345 });
    t.ok(node?.isCharacterDevice());
    t.equal(node?.rdev, 0x103);
  });

  void t.test('what is mounted inside a source is refused by name, also when it came later', async (t) => {
    const { driver, place } = await makeDirectoryVolume(t);
    const inside = join(place.source, 'with space');
    mkdirSync(inside);
    execFileSync('mount', ['--bind', temporaryDirectory(t, 'bound'), inside]);
    t.teardown(() => execFileSync('umount', [inside]));
    const calls = [
      () => driver.inspect('db', place.source, null),
      () => driver.live(place),
      () => driver.stage(place, 's'),
      () => driver.clone(place, 'c', null),
    ];
    for (const call of calls) t.match((await rejectsWith(t, call(), 'SOURCE_NESTED'))?.message, inside);
    t.same(await driver.list(place), []);
  });

  void t.test('nothing is deleted through a mount', async (t) => {
    const { driver, place } = await makeDirectoryVolume(t);
    const bound = temporaryDirectory(t, 'bound');
    writeFileSync(join(bound, 'kept'), '');
    mkdirSync(join(place.source, 'd'));
    await driver.stage(place, 's');
    const inside = join(driver.path(place, 's'), 'd');
    execFileSync('mount', ['--bind', bound, inside]);
    const unmount = (): void => void execFileSync('umount', [inside]);
    t.teardown(() => {
      if (existsSync(join(inside, 'kept'))) unmount();
    });
    t.match((await rejectsWith(t, driver.remove(place, ['s']), 'IN_USE'))?.message, inside);
    t.ok(existsSync(join(bound, 'kept')));
    t.not((await driver.lookup(place, 's'))?.id, null, 'nothing was touched');
    unmount();
    await driver.remove(place, ['s']);
    t.same(await driver.list(place), []);
  });
}

void t.test('a changed copy is told by its digest, every differing path by name', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  for (const name of ['changed', 'gone', 'mode', 'same']) writeFileSync(join(place.source, name), 'content');
  await driver.stage(place, 's');
  const copy = driver.path(place, 's');
  const before = lstatSync(join(copy, 'changed'), { bigint: true });
  writeFileSync(join(copy, 'changed'), 'CONTENT');
  setTimes(Buffer.from(join(copy, 'changed')), before.atimeNs, before.mtimeNs);
  const root = lstatSync(copy, { bigint: true });
  writeFileSync(join(copy, 'new'), '');
  execFileSync('rm', [join(copy, 'gone')]);
  chmodSync(join(copy, 'mode'), 0o600);
  setTimes(Buffer.from(copy), root.atimeNs, root.mtimeNs);
  t.same(await driver.verifyContent(place, 's'), [
    `${copy}/changed: differs in sha256`,
    `${copy}/gone: is missing`,
    `${copy}/mode: differs in mode`,
    `${copy}/new: was added`,
  ]);
});

void t.test('a damaged index or a missing tree is a finding, not a clean bill', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  writeFileSync(join(place.source, 'file'), 'content');
  await driver.stage(place, 's');
  const index = join(driver.path(place, 's'), '..', 'index');
  writeFileSync(index, readFileSync(index, 'utf8').replace(/"size":"7"/, '"size":"8"'));
  t.match(await driver.verifyContent(place, 's'), [/index: is missing or damaged/]);
  await driver.stage(place, 'u');
  execFileSync('rm', ['-r', driver.path(place, 'u')]);
  t.match(await driver.verifyContent(place, 'u'), [/tree: is missing/]);
  t.equal((await driver.lookup(place, 'u'))?.id, null);
  t.not((await driver.verifyContent(place, 'absent')).length, 0);
});

void t.test('G13 the driver claims no more than it does', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t);
  t.same(driver.capabilities, { pointInTime: false, readOnly: false });
  writeFileSync(join(place.source, 'file'), 'content');
  await driver.stage(place, 's');
  t.equal((await driver.lookup(place, 's'))?.readOnly, false);
  t.ok((await driver.list(place)).every(({ readOnly }) => !readOnly));
  await driver.setLiveReadOnly(place, true);
  t.equal((await driver.live(place)).readOnly, false);
});

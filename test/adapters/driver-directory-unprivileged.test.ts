/**
 * The directory driver without root: the contract that every driver keeps, and what such a user meets besides. Started
 * as root, this process becomes an ordinary user before the first test.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createDirectoryDriver } from '#src/adapters/driver-directory/index.js';
import { loadLibc } from '#src/native/library.js';
import { directoryFaults, directoryTrees, rejectsWith, volumeDriverContract } from '../contract/volume-driver.js';
import { makeDirectoryVolume } from '../support/directory-volume.js';

const NOBODY = 65_534;
const home = mkdtempSync(join(tmpdir(), 'snapcommit-unprivileged-'));
const foreignFile = join(home, 'foreign');
const startedAsRoot = process.getuid?.() === 0;

if (startedAsRoot) {
  writeFileSync(foreignFile, 'root’s', { mode: 0o644 });
  chownSync(home, NOBODY, NOBODY);
  // what is loaded lazily may lie where only root can read
  loadLibc();
  process.setgroups?.([]);
  process.setgid?.(NOBODY);
  process.setuid?.(NOBODY);
}
t.teardown(() => {
  // the directory itself belongs to its parent’s owner, in a sticky directory also to us
  rmSync(home, { recursive: true, force: true });
});

let count = 0;
function makeParent(): string {
  const parent = join(home, String((count += 1)));
  mkdirSync(parent);
  return parent;
}

volumeDriverContract(t, () => {
  const parent = makeParent();
  const place = { name: 'db', source: join(parent, 'live'), publishDirectory: join(parent, '.snapcommit', 'db') };
  mkdirSync(place.source);
  const driver = createDirectoryDriver();
  return Promise.resolve({ driver, place, trees: directoryTrees(driver, place), ...directoryFaults(place) });
});

void t.test('an unreadable file or directory fails the copy by name, and nothing is left', async (t) => {
  t.not(process.getuid?.(), 0);
  const { driver, place } = await makeDirectoryVolume(t, makeParent());
  writeFileSync(join(place.source, 'a'), 'copied first');
  mkdirSync(join(place.source, 'd'));
  const secrets = { file: join(place.source, 'd', 'secret'), directory: join(place.source, 'd') };
  writeFileSync(secrets.file, '');
  for (const path of [secrets.file, secrets.directory]) {
    const { mode } = statSync(path);
    chmodSync(path, 0);
    for (const call of [() => driver.stage(place, 's'), () => driver.clone(place, 'c', null)]) {
      const failure = await rejectsWith(t, call(), 'STAGE_FAILED');
      t.match(failure?.message, path);
    }
    t.same(await driver.list(place), []);
    t.same(existsSync(join(place.publishDirectory, 's')), false);
    chmodSync(path, mode);
  }
});

void t.test('trees with unwritable directories are copied, verified, exchanged and deleted', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t, makeParent());
  const locked = join(place.source, 'locked');
  mkdirSync(join(locked, 'inner'), { recursive: true });
  writeFileSync(join(locked, 'inner', 'file'), 'content', { mode: 0o400 });
  symlinkSync('/root', join(locked, 'link'));
  chmodSync(join(locked, 'inner'), 0o500);
  chmodSync(locked, 0o555);
  t.teardown(() => {
    chmodSync(locked, 0o755);
    chmodSync(join(locked, 'inner'), 0o755);
  });
  await driver.stage(place, 's');
  t.same(await driver.verifyContent(place, 's'), []);
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'c', null)).id;
  t.same(await driver.changedSince(place, 'c', 10), []);
  t.equal(await driver.exchange(place, 'c', { base, clone }), 'exchanged');
  t.equal(statSync(locked).mode & 0o777, 0o555);
  t.equal(readFileSync(join(locked, 'inner', 'file'), 'utf8'), 'content');
  chmodSync(join(driver.path(place, 'c'), 'locked', 'inner'), 0);
  await driver.remove(place, ['s', 'c']);
  t.same(await driver.list(place), []);
});

void t.test('inspect tells that this user could not exchange', async (t) => {
  const { driver, place, parent } = await makeDirectoryVolume(t, makeParent());
  chmodSync(parent, 0o555);
  const found = await driver.inspect('db', place.source, place.publishDirectory);
  chmodSync(parent, 0o755);
  t.match(found.exchange, { possible: false, reason: `this user may not write to ${parent}` });
});

if (startedAsRoot) {
  void t.test('a file whose owner could not be kept fails the copy by name', async (t) => {
    const { driver, place } = await makeDirectoryVolume(t, makeParent());
    const path = join(place.source, 'foreign');
    renameSync(foreignFile, path);
    const failure = await rejectsWith(t, driver.stage(place, 's'), 'STAGE_FAILED');
    t.match(failure?.message, `${path} belongs to 0:0`);
    t.same(await driver.list(place), []);
  });
}

void t.test('a snapshot that cannot be read is a finding of verify, by name', async (t) => {
  const { driver, place } = await makeDirectoryVolume(t, makeParent());
  writeFileSync(join(place.source, 'file'), 'content');
  await driver.stage(place, 's');
  const copy = join(driver.path(place, 's'), 'file');
  chmodSync(copy, 0);
  t.same(await driver.verifyContent(place, 's'), [`${copy}: cannot be read (EACCES)`]);
});

/** Immutable and append-only files of a directory volume: copies keep it, swaps lose none, and deleting gets rid of all. */
import { constants, closeSync, linkSync, lstatSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { protectionOf, setProtection } from '#src/native/protection.js';
import { makeDirectoryVolume, runOnVolume, type DirectoryVolume } from '../support/directory-volume.js';
import { requireCommand, requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);
const setpriv = requireCommand(t, 'setpriv');

const IMMUTABLE = 0x10;
const APPEND_ONLY = 0x20;

function withOpen<T>(path: string, act: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return act(fd);
  } finally {
    closeSync(fd);
  }
}

const protect = (path: string, protection: number): void => {
  withOpen(path, (fd) => {
    setProtection(fd, protection, path);
  });
};
const protectionAt = (path: string): number => withOpen(path, (fd) => protectionOf(fd, path));

function freeAll(path: string): void {
  const status = lstatSync(path);
  if (!status.isFile() && !status.isDirectory()) return;
  protect(path, 0);
  if (status.isDirectory()) for (const name of readdirSync(path)) freeAll(join(path, name));
}

/** A live tree with protected files, one of two names among them, and directories; what is left is freed at the end. */
async function makeProtected(t: Test): Promise<DirectoryVolume> {
  const parent = temporaryDirectory(t, 'directory');
  t.teardown(() => {
    freeAll(parent);
  });
  const made = await makeDirectoryVolume(t, parent);
  const { source } = made.place;
  for (const directory of ['fixed', 'grows', 'open']) mkdirSync(join(source, directory));
  for (const file of ['ro', 'log', 'open/linked', 'fixed/file', 'grows/file']) writeFileSync(join(source, file), file);
  linkSync(join(source, 'open/linked'), join(source, 'fixed/linked'));
  for (const name of ['ro', 'open/linked', 'fixed']) protect(join(source, name), IMMUTABLE);
  protect(join(source, 'log'), APPEND_ONLY);
  protect(join(source, 'grows'), IMMUTABLE | APPEND_ONLY);
  return made;
}

function assertProtected(t: Test, tree: string): void {
  const of = (name: string): number => protectionAt(join(tree, name));
  for (const name of ['ro', 'open/linked', 'fixed', 'fixed/linked']) t.equal(of(name), IMMUTABLE, name);
  t.equal(of('log'), APPEND_ONLY);
  t.equal(of('grows'), IMMUTABLE | APPEND_ONLY);
  for (const name of ['open', 'fixed/file', 'grows/file', '.']) t.equal(of(name), 0, name);
  t.equal(lstatSync(join(tree, 'open/linked')).ino, lstatSync(join(tree, 'fixed/linked')).ino);
}

void t.test(
  'a swap loses nothing of what is immutable or append-only, and the replaced tree can be deleted',
  async (t) => {
    const { driver, place, parent } = await makeProtected(t);
    const elsewhere = join(parent, 'elsewhere');
    protect(join(place.source, 'ro'), 0);
    linkSync(join(place.source, 'ro'), elsewhere);
    protect(elsewhere, IMMUTABLE);
    const base = (await driver.live(place)).id;
    const clone = (await driver.clone(place, 'c', null)).id;
    await driver.seal(place, 'c', 's');
    await driver.exchange(place, 'c', { base, clone });
    assertProtected(t, place.source);
    assertProtected(t, driver.path(place, 's'));
    t.same(await driver.verifyContent(place, 's'), []);
    await driver.rename(place, 'c', 'trash');
    await driver.remove(place, ['trash', 's']);
    t.same(await driver.list(place), []);
    assertProtected(t, place.source);
    t.equal(protectionAt(elsewhere), IMMUTABLE, 'what has a name outside is protected as before');
  },
);

void t.test('the top of a tree stays free, and where the live one is not, nothing is swapped', async (t) => {
  const { driver, place, parent } = await makeProtected(t);
  const exchange = async () => (await driver.inspect('db', place.source, null)).exchange;
  t.same(await exchange(), { possible: true });
  protect(place.source, APPEND_ONLY);
  await driver.stage(place, 's');
  assertProtected(t, driver.path(place, 's'));
  t.match(await exchange(), { possible: false, reason: `${place.source} is immutable or append-only` });
  protect(place.source, 0);
  protect(parent, IMMUTABLE);
  t.match(await exchange(), { possible: false, reason: `${parent} is immutable or append-only` });
});

void t.test('who may not protect files captures without, and swaps nothing that has some', async (t) => {
  const { driver, place } = await makeProtected(t);
  const asWithout = [setpriv, '--bounding-set=-linux_immutable', '--inh-caps=-linux_immutable'];
  const script = `
    await driver.stage(place, 's');
    console.log(await driver.clone(place, 'c', null).then(() => 'made', (error) => error.code + ' ' + error.message));`;
  const child = runOnVolume(place, script, {}, asWithout);
  t.equal(child.status, 0, child.stderr);
  t.match(child.stdout, /^STAGE_FAILED .*\/live\/(fixed|log) is immutable or append-only.*chattr -i -a/);
  t.equal(protectionAt(join(driver.path(place, 's'), 'ro')), 0);
  t.same(
    (await driver.list(place)).map(({ name }) => name),
    ['s'],
  );
  await driver.stage(place, 'of-root');
  const removal = runOnVolume(place, `await driver.remove(place, ['of-root'])`, {}, asWithout);
  t.match(removal.stderr, /could not be deleted \(EPERM\); see to it \(lsattr/);
});

/**
 * Who may write above a publish directory or a source can put other directories and symlinks in the place of what root
 * works on, at any moment: nothing outside is changed then.
 */
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { VolumeDriver, VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeDirectoryVolume, runOnVolume } from '../support/directory-volume.js';

const isRoot = process.getuid?.() === 0;

interface Trap {
  readonly driver: VolumeDriver;
  readonly place: VolumePlace;
  readonly parent: string;
  /** A directory and a file that must stay as they are. */
  readonly outside: string;
  readonly victim: string;
  /** Stands in the place of the directory of the publish directory once the trap closes. */
  readonly evil: string;
}

async function makeTrap(t: Test): Promise<Trap> {
  const { driver, place, parent } = await makeDirectoryVolume(t);
  const outside = join(parent, 'outside');
  mkdirSync(outside);
  const victim = join(outside, 'victim');
  writeFileSync(victim, 'kept', { mode: 0o600 });
  const evil = join(parent, 'evil', 'db');
  mkdirSync(evil, { recursive: true });
  return { driver, place, parent, outside, victim, evil };
}

/**
 * Runs `script`; once its process has called `call` of node:fs/promises with a path that ends so, `directory` becomes
 * `moved`, and `evil` becomes `directory`.
 */
function runLedAway({ place, parent }: Trap, call: string, end: string, script: string, directory = '.snapcommit') {
  return runOnVolume(
    place,
    `const { ${call}: act } = promises;
     promises.${call} = async (path, ...rest) => {
       const result = await act(path, ...rest);
       if (String(path).endsWith(${JSON.stringify(end)})) {
         promises.${call} = act;
         syncBuiltinESMExports();
         await promises.rename('${parent}/${directory}', '${parent}/moved');
         await promises.rename('${parent}/evil', '${parent}/${directory}');
         console.log('led away');
       }
       return result;
     };
     syncBuiltinESMExports();
     ${script}`,
  );
}

function assertUntouched(t: Test, { victim }: Trap, { stdout, stderr }: { stdout: string; stderr: string }): void {
  t.match(stdout, 'led away', stderr);
  t.equal(lstatSync(victim).mode & 0o7777, 0o600);
  t.equal(readFileSync(victim, 'utf8'), 'kept');
}

void t.test('the mode of a copied tree goes to no file that a symlink in its place leads to', async (t) => {
  const trap = await makeTrap(t);
  writeFileSync(join(trap.place.source, 'file'), '');
  chmodSync(trap.place.source, 0o4755);
  mkdirSync(join(trap.evil, 's'));
  symlinkSync(trap.victim, join(trap.evil, 's', 'tree'));
  const child = runLedAway(trap, 'lstat', '/file', `await driver.stage(place, 's');`);
  assertUntouched(t, trap, child);
  t.equal(child.status, 0, child.stderr);
  t.equal(lstatSync(join(trap.parent, 'moved', 'db', 's', 'tree')).mode & 0o7777, 0o4755);
});

void t.test('the mode of an entry, and of a publish directory, goes to nothing else', async (t) => {
  const trap = await makeTrap(t);
  symlinkSync(trap.victim, join(trap.evil, 's'));
  assertUntouched(t, trap, runLedAway(trap, 'mkdir', '/s', `await driver.stage(place, 's');`));
  const other = await makeTrap(t);
  symlinkSync(other.victim, join(other.evil, 'new'));
  const place = JSON.stringify({ ...other.place, publishDirectory: join(other.parent, '.snapcommit', 'db', 'new') });
  assertUntouched(t, other, runLedAway(other, 'mkdir', '/new', `await driver.prepare(${place});`));
});

void t.test('the mode that the other drivers give a directory goes to nothing that came in its place', async (t) => {
  const trap = await makeTrap(t);
  const path = join(trap.place.publishDirectory, 's');
  mkdirSync(path, { mode: 0o700 });
  symlinkSync(trap.victim, join(trap.evil, 's'));
  const call = `const { setModeOfOwn } = await import('#src/native/at.js');
    console.log(await setModeOfOwn('${path}', 0o755), await setModeOfOwn('${path}', 0o755));`;
  const child = runLedAway(trap, 'open', '/s', call);
  assertUntouched(t, trap, child);
  t.match(child.stdout, 'true false', 'the second time it meets a link');
  t.equal(lstatSync(join(trap.parent, 'moved', 'db', 's')).mode & 0o777, 0o755);
});

void t.test('a hard link in a copy leads to the copied file, and to none outside', async (t) => {
  const trap = await makeTrap(t);
  writeFileSync(join(trap.place.source, 'victim'), 'copied');
  linkSync(join(trap.place.source, 'victim'), join(trap.place.source, 'z'));
  mkdirSync(join(trap.evil, 's'));
  symlinkSync(trap.outside, join(trap.evil, 's', 'tree'));
  const child = runLedAway(trap, 'lstat', '/z', `await driver.stage(place, 's');`);
  assertUntouched(t, trap, child);
  t.equal(lstatSync(trap.victim).nlink, 1);
  t.equal(readFileSync(join(trap.parent, 'moved', 'db', 's', 'tree', 'z'), 'utf8'), 'copied');
});

void t.test('nothing is deleted where a symlink in place of an entry leads to', async (t) => {
  const trap = await makeTrap(t);
  writeFileSync(join(trap.place.source, 'file'), '');
  await trap.driver.stage(trap.place, 's');
  writeFileSync(join(trap.outside, 'identity'), '');
  symlinkSync(trap.outside, join(trap.evil, 's'));
  const child = runLedAway(trap, 'lstat', '/s', `await driver.remove(place, ['s']);`);
  assertUntouched(t, trap, child);
  t.ok(existsSync(join(trap.outside, 'identity')));
  t.same(readdirSync(join(trap.parent, 'moved', 'db')), []);
});

void t.test('no directory is exchanged but the live tree, whatever its path leads to meanwhile', async (t) => {
  const trap = await makeTrap(t);
  const { driver, parent } = trap;
  const place = { ...trap.place, source: join(parent, 'above', 'live') };
  mkdirSync(place.source, { recursive: true });
  writeFileSync(join(place.source, 'file'), 'old');
  const base = (await driver.live(place)).id;
  const clone = (await driver.clone(place, 'c', null)).id;
  const foreign = join(parent, 'evil', 'live');
  mkdirSync(foreign);
  const { ino } = lstatSync(foreign);
  const call = `await driver.exchange(${JSON.stringify(place)}, 'c', ${JSON.stringify({ base, clone })});`;
  const child = runLedAway(trap, 'readFile', '/identity', call, 'above');
  assertUntouched(t, trap, child);
  t.equal(lstatSync(place.source).ino, ino, 'still what it was');
  t.equal((await driver.lookup(place, 'c'))?.id, base);
});

void t.test('a source that came to lead through a symlink is not copied', async (t) => {
  const { driver, place, parent } = await makeDirectoryVolume(t);
  symlinkSync(parent, join(parent, 'led'));
  const led = { ...place, source: join(parent, 'led', 'live') };
  const failure = await rejectsWith(t, driver.stage(led, 's'), 'STAGE_FAILED');
  t.match(failure?.message, led.source);
  t.same(await driver.list(place), []);
});

void t.test('nothing is done where a symlink above the publish directory leads', async (t) => {
  const { driver, place, parent } = await makeDirectoryVolume(t);
  const hidden = join(parent, '.snapcommit');
  const outside = join(parent, 'outside', 'db');
  mkdirSync(outside, { recursive: true });
  writeFileSync(join(outside, 'file'), '');
  renameSync(hidden, join(parent, 'moved'));
  symlinkSync(join(parent, 'outside'), hidden);
  // as where the directory above is somebody else's, also for who is not root
  chmodSync(parent, 0o777);
  const calls = [
    () => driver.stage(place, 's'),
    () => driver.clone(place, 'c', null),
    () => driver.rename(place, 'file', 'moved'),
    () => driver.remove(place, ['file']),
    () => driver.sync(place),
  ];
  for (const call of calls) {
    const failure = await rejectsWith(t, call(), 'VOLUME_UNAVAILABLE');
    t.match(failure?.message, `${place.publishDirectory} leads through a symbolic link`);
  }
  await rejectsWith(t, driver.prepare({ ...place, publishDirectory: join(hidden, 'db', 'new') }), 'UNAVAILABLE');
  t.same(readdirSync(outside), ['file']);
});

if (isRoot) {
  void t.test('nothing is published in a directory of somebody else, who may own those above', async (t) => {
    const { driver, place, parent } = await makeDirectoryVolume(t);
    chownSync(parent, 1000, 1000);
    chownSync(place.source, 1000, 1000);
    await driver.prepare(place);
    await driver.stage(place, 'own');
    chownSync(place.publishDirectory, 1000, 1000);
    const calls = [
      () => driver.prepare(place),
      () => driver.stage(place, 's'),
      () => driver.clone(place, 'c', null),
      () => driver.remove(place, ['own']),
    ];
    for (const call of calls) {
      const failure = await rejectsWith(t, call(), 'SOURCE_INVALID');
      t.match(failure?.message, `${place.publishDirectory} belongs to user 1000`);
    }
    t.same(readdirSync(place.publishDirectory), ['own']);
  });
}

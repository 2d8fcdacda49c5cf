/** Who may write above a publish directory can put other directories and symlinks in its place: nothing is changed there. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createBtrfsDriver } from '#src/adapters/driver-btrfs/index.js';
import type { VolumePlace } from '#src/ports/volume-driver.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { makeBtrfs } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';

requireBtrfs(t);

const driver = createBtrfsDriver();

interface Trap {
  readonly top: string;
  readonly place: VolumePlace;
  /** The directory of the publish directory, and where it was moved to. */
  readonly hidden: string;
  readonly moved: string;
}

/** A volume with a snapshot `s` and a clone `c`. */
async function makeTrap(t: Test): Promise<Trap & { readonly base: string; readonly clone: string }> {
  const { mount: top, subvolume } = makeBtrfs(t);
  const hidden = join(top, '.snapcommit');
  const place = { name: 'db', source: subvolume('live'), publishDirectory: join(hidden, 'db') };
  await driver.prepare(place);
  await driver.stage(place, 's');
  const clone = (await driver.clone(place, 'c', null)).id;
  return { top, place, hidden, moved: join(top, 'moved'), base: (await driver.live(place)).id, clone };
}

void t.test('nothing is done where a symlink leads, or in a directory of somebody else', async (t) => {
  const { top, place, hidden, moved, base, clone } = await makeTrap(t);
  const calls = [
    () => driver.stage(place, 'n'),
    () => driver.clone(place, 'n', null),
    () => driver.clone(place, 'n', 's'),
    () => driver.seal(place, 'c', 'n'),
    () => driver.rename(place, 'file', 'n'),
    () => driver.remove(place, ['file']),
    () => driver.exchange(place, 'c', { base, clone }),
    () => driver.sync(place),
  ];
  renameSync(hidden, moved);
  const outside = join(top, 'outside', 'db');
  mkdirSync(outside, { recursive: true });
  writeFileSync(join(outside, 'file'), '');
  symlinkSync(join(top, 'outside'), hidden);
  for (const call of calls) {
    const failure = await rejectsWith(t, call(), 'VOLUME_UNAVAILABLE');
    t.match(failure?.message, 'leads through a symbolic link');
  }
  chownSync(outside, 1000, 1000);
  rmSync(hidden);
  renameSync(join(top, 'outside'), hidden);
  for (const call of calls) {
    const failure = await rejectsWith(t, call(), 'SOURCE_INVALID');
    t.match(failure?.message, `volume db: ${place.publishDirectory} belongs to user 1000`);
  }
  t.strictSame(readdirSync(place.publishDirectory), ['file']);
  t.equal((await driver.live(place)).id, base);
});

void t.test('a snapshot goes to the directory that was opened for it', async (t) => {
  const { place, hidden, moved } = await makeTrap(t);
  const call = await driver.openStage?.(place, 'n');
  renameSync(hidden, moved);
  mkdirSync(place.publishDirectory, { recursive: true });
  await call?.take();
  const id = await call?.identity(place);
  await call?.close();
  t.strictSame(readdirSync(place.publishDirectory), []);
  t.ok(existsSync(join(moved, 'db', 'n')));
  t.equal((await driver.lookup({ ...place, publishDirectory: join(moved, 'db') }, 'n'))?.id, id);
});

void t.test('no publish directory is made where a symlink leads', async (t) => {
  const { top, place } = await makeTrap(t);
  const outside = join(top, 'outside');
  mkdirSync(outside);
  symlinkSync(outside, join(top, 'led'));
  for (const publishDirectory of [join(top, 'led', 'db'), join(top, 'led', '.snapcommit', 'db')])
    await rejectsWith(t, driver.prepare({ ...place, publishDirectory }), 'VOLUME_UNAVAILABLE');
  t.strictSame(readdirSync(outside), []);
});

void t.test('a symlink that only root can have made is followed', async (t) => {
  const { top, place } = await makeTrap(t);
  const links = mkdtempSync('/run/snapcommit-links-');
  t.teardown(() => {
    rmSync(links, { recursive: true });
  });
  symlinkSync(top, join(links, 'top'));
  const led = { ...place, publishDirectory: join(links, 'top', '.snapcommit', 'db') };
  await driver.stage(led, 'n');
  t.equal(await driver.rename(led, 'n', 'm'), 'renamed');
  await driver.sync(led);
  await driver.remove(led, ['m']);
  t.strictSame(readdirSync(place.publishDirectory).sort(), ['c', 's']);
});

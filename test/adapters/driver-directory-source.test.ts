/** Which sources and publish directories the directory driver takes. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { createDirectoryDriver } from '#src/adapters/driver-directory/index.js';
import { rejectsWith } from '../contract/volume-driver.js';
import { temporaryDirectory } from '../support/temp.js';

const driver = createDirectoryDriver();

void t.test('bad sources and publish directories are refused with the reason, and nothing is made', async (t) => {
  const parent = temporaryDirectory(t, 'source');
  const live = join(parent, 'live');
  mkdirSync(join(live, 'inner'), { recursive: true });
  mkdirSync(join(parent, '.snapcommit', 'other', 'live'), { recursive: true });
  writeFileSync(join(parent, 'file'), '');
  symlinkSync(parent, join(parent, 'link'));
  const cases: readonly (readonly [source: string, publish: string | null, message: RegExp])[] = [
    ['relative/path', null, /absolute/],
    ['/', null, /root directory/],
    [join(parent, 'file'), null, /not a directory/],
    [join(parent, 'link', 'live'), null, /symbolic link/],
    [join(parent, '.snapcommit', 'other', 'live'), null, /inside a \.snapcommit/],
    [live, live, /lies inside it/],
    [live, join(live, 'inner', 'publish'), /lies inside it/],
    [live, parent, /lies inside its publish directory/],
    [live, 'relative', /absolute/],
    [live, `${parent}/a/../b`, /plain absolute/],
    [live, join(parent, 'link', 'publish'), /symbolic link/],
    [live, '/proc/publish', /different filesystems/],
  ];
  const before = readdirSync(parent);
  for (const [source, publish, message] of cases) {
    const failure = await rejectsWith(t, driver.inspect('v', source, publish), 'SOURCE_INVALID');
    t.match(failure?.message, message);
    t.match(failure?.message, 'volume v');
  }
  await rejectsWith(t, driver.inspect('v', join(parent, 'absent'), null), 'VOLUME_UNAVAILABLE');
  t.same(readdirSync(parent), before);
});

void t.test('the default publish directory lies beside the source, open to readers whatever the umask', async (t) => {
  const parent = temporaryDirectory(t, 'source');
  const source = join(parent, 'live');
  mkdirSync(source);
  const found = await driver.inspect('v', `${source}/`, null);
  t.match(found, { source, publishDirectory: join(parent, '.snapcommit', 'v'), exchange: { possible: true } });
  const mask = process.umask(0o077);
  t.teardown(() => process.umask(mask));
  const place = { name: 'v', ...found };
  await driver.prepare(place);
  await driver.stage(place, 's');
  for (const path of [join(parent, '.snapcommit'), found.publishDirectory, join(found.publishDirectory, 's')]) {
    t.equal(statSync(path).mode & 0o777, 0o755, path);
  }
  t.equal(statSync(join(found.publishDirectory, 's', 'index')).mode & 0o077, 0, 'but its list of names is private');
});

if (process.getuid?.() === 0) {
  void t.test('a mount that comes later is refused, but not to who only opens the tree again', async (t) => {
    const parent = temporaryDirectory(t, 'source');
    const source = join(parent, 'live');
    mkdirSync(join(source, 'inner'), { recursive: true });
    const place = { name: 'v', source, publishDirectory: join(parent, 'publish') };
    const before = await driver.live(place);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', join(source, 'inner')]);
    t.teardown(() => execFileSync('umount', [join(source, 'inner')]));
    await rejectsWith(t, driver.live(place), 'SOURCE_NESTED');
    t.same(await driver.live(place, true), before);
  });

  void t.test(
    'a mount point cannot be exchanged; a publish directory on its own filesystem is asked for',
    async (t) => {
      const parent = temporaryDirectory(t, 'source');
      const mount = mkdtempSync(join(parent, 'mount-'));
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount]);
      t.teardown(() => execFileSync('umount', [mount]));
      t.match((await rejectsWith(t, driver.inspect('v', mount, null), 'SOURCE_INVALID'))?.message, /mount point/);
      const [bound, twin] = [join(parent, 'bound'), join(parent, 'twin')];
      mkdirSync(bound);
      mkdirSync(twin);
      execFileSync('mount', ['--bind', twin, bound]);
      t.teardown(() => execFileSync('umount', [bound]));
      const found = await driver.inspect('v', bound, null);
      t.match(found.exchange, { possible: false, reason: /mount point/ });
      mkdirSync(join(bound, 'source'));
      t.match((await driver.inspect('v', join(bound, 'source'), join(parent, 'publish'))).exchange, {
        possible: false,
        reason: /different mounts/,
      });
      rmSync(join(bound, 'source'), { recursive: true });
    },
  );
}

/** What lies below a dataset, sorted from what `zfs get` prints and the table of mounts. */
import t from 'tap';
import { createZfsCommands } from '#src/adapters/driver-zfs/command.js';
import { nestedAmong, sortNested } from '#src/adapters/driver-zfs/nested.js';
import { parseProperties, type Dataset } from '#src/adapters/driver-zfs/properties.js';
import type { Mount } from '#src/native/mountinfo.js';
import type { CommandRunner } from '#src/ports/commands.js';

/** `zfs get` of one dataset; `said` are properties with values that were set on it. */
function lines(name: string, said: Readonly<Record<string, string>> = {}): string {
  const usual = { type: 'filesystem', mountpoint: `/${name}`, canmount: 'on', keystatus: '-' };
  return Object.entries({ ...usual, ...said })
    .map(([property, value]) => `${name}\t${property}\t${value}\t${property in said ? 'local' : 'default'}\n`)
    .join('');
}

const datasets = (...texts: readonly string[]): readonly Dataset[] => parseProperties(texts.join(''));

const mount = (source: string, mountPoint = `/${source}`): Mount => ({
  id: 1,
  parent: 0,
  device: '0:1',
  root: '/',
  mountPoint,
  options: [],
  shared: true,
  type: 'zfs',
  source,
});

t.test('filesystems of every depth, each before what is in it; ours are none of them', (t) => {
  const names = ['tank/app/db/logs', 'tank/app/db', 'tank/app/db-x', 'tank/app'];
  const ours = ['tank/app/.snapcommit', 'tank/app/.snapcommit/app-db', 'tank/app/db/.snapcommit-tree-12/x'];
  const mounts = [...names, ...ours, 'tank/apple'].map((name) => mount(name));
  const found = datasets(...[...names, ...ours, 'tank/apple'].map((name) => lines(name)));
  const plain = { obstacle: null, separate: false };
  t.same(sortNested('tank/app', found, mounts), {
    trees: [
      { called: 'tank/app/db', path: 'db', source: '/tank/app/db', ...plain },
      { called: 'tank/app/db-x', path: 'db-x', source: '/tank/app/db-x', ...plain },
      { called: 'tank/app/db/logs', path: 'db/logs', source: '/tank/app/db/logs', ...plain },
    ],
    containers: [],
  });
  t.end();
});

t.test('what is no source says why, and keeps the live path that it would have', (t) => {
  const found = datasets(
    lines('tank/app/block', { type: 'volume', mountpoint: '-', canmount: '-' }),
    lines('tank/app/bare', { mountpoint: 'none' }),
    lines('tank/app/old', { mountpoint: 'legacy' }),
    lines('tank/app/secret', { keystatus: 'unavailable', encryptionroot: 'tank/app/secret' }),
    lines('tank/app/away', { canmount: 'noauto' }),
  );
  const { trees } = sortNested('tank/app', found, [mount('tank/app/away@snap', '/tank/app/away')]);
  t.match(
    trees.map(({ path, source, obstacle }) => [path, source, obstacle]),
    [
      ['away', '/tank/app/away', /zfs mount tank\/app\/away/],
      ['bare', null, /mountpoint=DIR.*canmount=off/],
      ['block', null, /zvol/],
      ['old', null, /legacy/],
      ['secret', '/tank/app/secret', /zfs load-key tank\/app\/secret/],
    ],
  );
  t.end();
});

t.test('a container holds no files, but what is below it counts; one that is mounted is none', (t) => {
  const found = datasets(
    lines('tank/app/box', { canmount: 'off' }),
    lines('tank/app/box/inner'),
    lines('tank/app/by-hand', { canmount: 'off', mountpoint: 'legacy' }),
  );
  const mounts = [mount('tank/app/box/inner'), mount('tank/app/by-hand', '/srv/by-hand')];
  const { trees, containers } = sortNested('tank/app', found, mounts);
  t.same(containers, ['tank/app/box']);
  t.same(
    trees.map(({ path, source }) => [path, source]),
    [
      ['box/inner', '/tank/app/box/inner'],
      ['by-hand', '/srv/by-hand'],
    ],
  );
  t.end();
});

t.test('of several mount points the dataset’s own is its live path', (t) => {
  const mounts = [mount('tank/app/db', '/mnt'), mount('tank/app/db')];
  t.equal(sortNested('tank/app', datasets(lines('tank/app/db')), mounts).trees[0]?.source, '/tank/app/db');
  t.end();
});

t.test('what is below one that is separate is left out, also from further up', (t) => {
  const found = datasets(
    lines('tank/app/db', { 'snapcommit:children': 'separate' }),
    lines('tank/app/db/logs'),
    lines('tank/app/db2'),
  );
  const mounts = ['tank/app/db', 'tank/app/db/logs', 'tank/app/db2'].map((name) => mount(name));
  t.same(
    sortNested('tank/app', found, mounts).trees.map(({ path, separate }) => [path, separate]),
    [
      ['db', true],
      ['db2', false],
    ],
  );
  t.end();
});

t.test('G8 a commit looks below containers too, where nobody else would', async (t) => {
  const asked: string[] = [];
  const runner: CommandRunner = {
    run: async (_, args) => {
      asked.push(args.at(-1) ?? '');
      const stdout = lines('tank/app/box', { canmount: 'off' }) + lines('tank/app/box/new');
      return Promise.resolve({ status: 0, signal: null, stdout, stderr: '', timedOut: false });
    },
  };
  const commands = createZfsCommands(runner, async () => Promise.resolve('/sbin/zfs'));
  const mounts = [mount('tank/app/db'), mount('tank/app/box/new')];
  const look = async (...children: string[]): Promise<readonly string[]> =>
    (await nestedAmong(commands, 'tank/app', datasets(...children), mounts)).map(({ path }) => path);
  t.same(await look(lines('tank/app/db')), ['db']);
  t.same(asked, [], 'without one there is nothing more to ask');
  t.same(await look(lines('tank/app/box', { canmount: 'off' }), lines('tank/app/db')), ['box/new', 'db']);
  t.same(asked, ['tank/app/box']);
});

/** Names and sources that are refused: a clear message, exit status 2 (3 where it is unknown), and nothing changed. */
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { assertRefused } from '../support/refused.js';
import { requireBtrfs } from '../support/requirements.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);

const BAD_NAMES = ['', '..', '.', 'a/b', '/', 'a\nb', 'x'.repeat(65), '-x', 'a b', 'a@1', 'ä', 'a~b'];

const world = await makeWorld(t);
await world.ask('commit', 'app');
const { mount, live, publish } = world.volume('db');
const invalid = { status: 2, code: 'NAME_INVALID', says: 'use 1 to 64 of the letters' };
const judged = { judgedByLog: true };

await t.test('malformed names are refused wherever a name is made', async (t) => {
  await assertRefused(
    t,
    world,
    BAD_NAMES.map((name) => ({ ...invalid, args: ['volume', 'add', '--source', live, '--', name] })),
  );
  await assertRefused(t, world, [
    { ...invalid, args: ['group', 'create', '--volume', 'db', '--', '../app'] },
    { ...invalid, args: ['group', 'create', 'other', '--volume', 'd/b'] },
    { ...invalid, args: ['commit', 'a/b'] },
    { ...invalid, args: ['commit', 'app', '--label', 'a/b=1'] },
    { ...invalid, args: ['hold', 'add', 'app@1', '--tag', '../x'] },
    { status: 2, code: 'USAGE', says: 'names no generation', args: ['open', 'app@0'] },
    { status: 2, code: 'USAGE', says: 'no request id', args: ['commit', 'app', '--request-id', 'a b'] },
  ]);
});

await t.test('a name that looks like an option is no option', async (t) => {
  await assertRefused(t, world, [
    { args: ['volume', 'add', '-x', '--source', live], status: 2, code: 'USAGE', says: /-x/ },
    { args: ['commit', '--no-such-option', 'app'], status: 2, code: 'USAGE', says: /--no-such-option/ },
  ]);
});

await t.test('unknown names are not found', async (t) => {
  await assertRefused(t, world, [
    { args: ['commit', 'nobody'], status: 3, code: 'GROUP_NOT_FOUND', says: 'snapcommit group list' },
    { args: ['open', 'app@7'], status: 3, code: 'GENERATION_NOT_FOUND', says: 'snapcommit list app' },
    { args: ['restore', 'app@7'], status: 3, code: 'GENERATION_NOT_FOUND', says: 'app@7' },
    { args: ['volume', 'show', 'nobody'], status: 3, code: 'VOLUME_NOT_FOUND', says: 'snapcommit volume list' },
    { args: ['volume', 'forfeit', 'nobody'], status: 3, code: 'VOLUME_NOT_FOUND', says: 'nobody', ...judged },
    { args: ['group', 'create', 'b', '--volume', 'x'], status: 3, code: 'VOLUME_NOT_FOUND', says: 'x', ...judged },
    { args: ['transaction', 'show', 'nobody'], status: 3, code: 'TRANSACTION_NOT_FOUND', says: 'transaction list' },
    { args: ['commit', '__proto__'], status: 2, code: 'NAME_INVALID', says: '__proto__' },
    { args: ['commit', 'constructor'], status: 3, code: 'GROUP_NOT_FOUND', says: 'constructor' },
  ]);
});

await t.test('sources that cannot be a volume are refused', async (t) => {
  const plain = join(mount, 'live', 'plain');
  const link = join(world.directory, 'link');
  const nesting = join(world.directory, 'nesting');
  mkdirSync(plain);
  symlinkSync(live, link);
  // A filesystem of its own, so that the two volumes stay as they are.
  const image = join(world.directory, 'nesting.img');
  tool('truncate', '-s', '200M', image);
  tool('mkfs.btrfs', '--quiet', image);
  mkdirSync(nesting);
  world.mount(image, nesting);
  for (const path of ['outer', 'outer/inner', 'free']) tool('btrfs', '-q', 'subvolume', 'create', join(nesting, path));
  tool('btrfs', '-q', 'subvolume', 'snapshot', '-r', join(nesting, 'free'), join(nesting, 'fixed'));

  const add = (source: string, ...more: readonly string[]): readonly string[] => [
    ...['volume', 'add', 'new', '--driver', 'btrfs', '--source', source],
    ...more,
  ];
  const elsewhere = join(mount, 'elsewhere');
  await assertRefused(t, world, [
    { args: add(plain), status: 2, code: 'SOURCE_INVALID', says: 'not the root of a btrfs subvolume' },
    { args: add('/tmp'), status: 2, code: 'SOURCE_INVALID', says: '/tmp' },
    { args: add(join(mount, 'missing')), status: 2, code: 'SOURCE_INVALID', says: 'does not exist' },
    { args: add(link), status: 2, code: 'SOURCE_INVALID', says: `give the path that it resolves to, ${live}` },
    { args: add(join(nesting, 'outer')), status: 2, code: 'SOURCE_NESTED', says: 'inner' },
    { args: add(join(nesting, 'fixed')), status: 2, code: 'SOURCE_INVALID', says: 'read-only' },
    {
      args: add(join(nesting, 'free'), '--publish', elsewhere),
      ...{ status: 2, code: 'SOURCE_INVALID', says: 'on another filesystem' },
    },
    { args: add(live), status: 2, code: 'SOURCE_MANAGED', says: 'db', ...judged },
    { args: add(join(publish, 'app@1')), status: 2, code: 'SOURCE_MANAGED', says: 'publish directory' },
    { args: ['volume', 'add', 'db', '--source', live], status: 4, code: 'EXISTS', says: 'volume show db' },
    { args: ['volume', 'add', 'new', '--source', live, '--driver', 'tar'], status: 2, code: 'USAGE', says: 'tar' },
  ]);
});

/** Which generations a prune keeps and a restore takes, where volumes were lost or snapshots were tampered with. */
import { mkdirSync, readdirSync, readlinkSync, symlinkSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { requireBtrfs } from '../support/requirements.js';
import { crash, makeImpatient } from '../support/scenario.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);

await t.test('G9 a generation that somebody replaced is not restored', async (t) => {
  const world = await makeWorld(t);
  makeImpatient(world);
  world.mark('first');
  await world.ask('commit', 'app');
  world.mark('second');
  const { publish, live } = world.volume('wal');
  tool('btrfs', '--quiet', 'subvolume', 'delete', join(publish, 'app@1'));
  tool('btrfs', '--quiet', 'subvolume', 'snapshot', '-r', live, join(publish, 'app@1'));
  const result = await world.cli(['--json', 'restore', 'app@1']);
  t.equal(result.status, 10, result.stdout);
  t.match(result.json, { error: { code: 'VERIFY_FAILED', details: { problems: [{ volume: 'wal' }] } } });
  t.strictSame(world.liveMarkers(), ['second', 'second']);
  t.match(await world.ask('status'), { groups: [{ open: null, generation: 1 }] });
});

await t.test('G8 prune: incomplete generations do not take the place of whole ones', async (t) => {
  const world = await makeWorld(t);
  makeImpatient(world);
  await world.ask('group', 'update', 'app', '--volume', 'db');
  for (let times = 0; times < 2; times += 1) await world.ask('commit', 'app');
  await world.ask('group', 'update', 'app', '--volume', 'db', '--volume', 'wal');
  for (let times = 0; times < 3; times += 1) await world.ask('commit', 'app');
  await world.ask('volume', 'forfeit', 'wal');
  const pruned = await world.ask('prune', 'app', '--keep-last', '2');
  t.match(pruned, { removed: [3] });
  t.match(await world.ask('open', 'app@1'), { generation: 1 }, 'the second newest whole one');

  const stamp = join(world.volume('wal').publish, '.stamp');
  const [, ...rest] = readlinkSync(stamp).split('/');
  unlinkSync(stamp);
  symlinkSync(['11111111-2222-4333-8444-555555555555', ...rest].join('/'), stamp);
  t.equal((await world.cli(['status'])).status, 0, 'what becomes of a forfeited volume is nothing to this log');
  t.equal((await world.cli(['commit', 'app'])).status, 0);
});

await t.test('G9 prune: what is not published, and never will be, takes no place of what readers have', async (t) => {
  const world = await makeWorld(t);
  makeImpatient(world);
  for (let times = 0; times < 2; times += 1) await world.ask('commit', 'app');
  await crash(world, ['commit', 'app'], 'commit.after');
  const { publish } = world.volume('wal');
  for (const name of readdirSync(publish).filter((one) => one.startsWith('.staged~')))
    tool('btrfs', '--quiet', 'subvolume', 'delete', join(publish, name));
  t.match(await world.ask('prune', 'app', '--keep-last', '1'), {
    removed: [1],
    kept: [
      { generation: 3, reasons: ['last', 'protected'] },
      { generation: 2, reasons: ['protected'] },
    ],
  });
  t.equal((await world.cli(['recover'])).status, 9, 'it cannot be published');
  t.equal(readlinkSync(join(world.stateDirectory, 'views', 'app', 'current')), 'app@2');
  t.match(await world.ask('verify', 'app@2'), { problems: [] });
});

await t.test('a transaction is aborted by hand although one of its live trees is lost', async (t) => {
  const world = await makeWorld(t);
  makeImpatient(world);
  world.mark('old');
  const words = ['transact', 'app', '--', '/bin/true'];
  const killed = await world.cli(words, { env: { SNAPCOMMIT_CRASH_AT: 'read-only.after' } });
  t.equal(killed.signal, 'SIGKILL');
  const { mount } = world.volume('wal');
  tool('umount', mount);
  world.mounted.splice(world.mounted.indexOf(mount), 1);
  mkdirSync(join(mount, 'nothing'), { recursive: true });

  const recovered = await world.cli(['--json', 'recover']);
  t.equal(recovered.status, 7, recovered.stdout);
  t.match(recovered.stdout, /transaction abort/);
  const open = await world.ask('transaction', 'list');
  const id = /"transaction":"([0-9a-z]{26})"[^}]*"state":"open"/.exec(JSON.stringify(open))?.[1] ?? '';
  t.equal(
    tool('btrfs', 'property', 'get', '-ts', world.volume('db').live, 'ro').trim(),
    'ro=false',
    'the other is given back',
  );

  const aborted = await world.cli(['--json', 'transaction', 'abort', id]);
  t.equal(aborted.status, 0, aborted.stdout);
  t.match(await world.ask('volume', 'forfeit', 'wal'), {}, 'and the volume can be forfeited');
  t.equal((await world.cli(['commit', 'app'])).status, 0);
});

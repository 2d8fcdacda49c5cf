/** A volume that is lost for good is given up: what held it is incomplete and never the newest, and the group goes on. */
import t from 'tap';
import { at } from '../support/answers.js';
import { requireBtrfs } from '../support/requirements.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);

await t.test('after volume forfeit the group is usable again', async (t) => {
  const world = await makeWorld(t);
  await world.ask('group', 'create', 'alone', '--volume', 'db');
  await world.ask('commit', 'app');
  await world.ask('commit', 'alone');
  await world.ask('commit', 'app');
  world.lose('wal');
  t.equal((await world.cli(['commit', 'app'])).status, 6, 'without it nothing goes');

  await world.ask('volume', 'forfeit', 'wal');
  t.match(await world.ask('volume', 'show', 'wal'), { forfeited: true });
  t.match(await world.ask('list', 'app'), [{ incomplete: true }, { incomplete: true }], 'what held it is marked');
  t.match(await world.ask('list', 'alone'), [{ incomplete: false }], 'what did not is not');
  const opened = await world.cli(['--json', 'open', 'app']);
  t.equal(opened.status, 3, 'an incomplete generation is never the newest');
  t.equal(at(await world.ask('open', 'app@2'), 'generation'), 2, 'asked for by name, it opens');

  const json = await world.ask('commit', 'app', '--if-older-than', '1h');
  t.match(json, { generation: 3, incomplete: false, volumes: [{ volume: 'db' }] });
  t.equal(at(await world.ask('open', 'app'), 'generation'), 3);
  t.equal((await world.cli(['restore', 'app@2'])).status, 4, 'what is incomplete cannot be restored as a whole');
  t.strictSame(at(await world.ask('prune', 'app', '--keep-last', '1'), 'removed'), [1, 2]);
  t.strictSame(await world.ask('recover'), { actions: [], failures: [] });
});

await t.test('a publish that waits for a lost volume ends with the forfeit', async (t) => {
  const world = await makeWorld(t);
  const { signal } = await world.cli(['commit', 'app'], { env: { SNAPCOMMIT_CRASH_AT: 'commit.after' } });
  t.equal(signal, 'SIGKILL');
  world.lose('wal');
  t.equal((await world.cli(['open', 'app'])).status, 9, 'it is committed and cannot be published');
  await world.ask('volume', 'forfeit', 'wal');
  await world.ask('recover');
  t.strictSame(at(await world.ask('status'), 'groups.0.pendingPublish'), []);
  t.equal((await world.cli(['commit', 'app'])).status, 0);
  t.strictSame(await world.ask('recover'), { actions: [], failures: [] });
});

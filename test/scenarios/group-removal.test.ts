/** A group that is removed with its generations leaves nothing for readers to stumble over, and its numbers never come again. */
import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at } from '../support/answers.js';
import { requireBtrfs } from '../support/requirements.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);

await t.test('group remove takes generations, view and links with it, and only when it is told to', async (t) => {
  const world = await makeWorld(t);
  await world.ask('commit', 'app');
  await world.ask('commit', 'app');
  t.equal((await world.cli(['group', 'remove', 'app'])).status, 4, 'live generations are not lost by accident');
  t.equal(at(await world.ask('open', 'app'), 'generation'), 2);

  t.equal((await world.cli(['group', 'remove', 'app', '--with-generations'])).status, 0);
  for (const { publish } of world.volumes) {
    t.strictSame(
      readdirSync(publish).filter((name) => name.startsWith('app@')),
      [],
      `nothing of it is left in ${publish}`,
    );
  }
  t.notOk(existsSync(join(world.stateDirectory, 'views', 'app')), 'no view');
  t.strictSame(await world.ask('recover'), { actions: [], failures: [] });

  await world.ask('group', 'create', 'app', '--volume', 'db', '--volume', 'wal');
  t.equal(
    at(await world.ask('group', 'show', 'app'), 'generation'),
    0,
    'nothing of the earlier one counts as its newest',
  );
  const made = await world.ask('commit', 'app', '--if-older-than', '1h');
  t.equal(at(made, 'generation'), 3, 'numbers go on, and a timer commits');
  t.ok(lstatSync(join(world.stateDirectory, 'views', 'app', 'current')).isSymbolicLink());
});

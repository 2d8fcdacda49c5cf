/** The owner of a btrfs tree can write to its generations: `verify` tells it, and a restore warns of it. */
import { chownSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeWorld, tool } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const NOBODY = 65534;

await t.test('a generation that its owner wrote to is a problem for verify, and a warning of restore', async (t) => {
  const world = await makeWorld(t);
  const { live, publish } = world.volume('wal');
  chownSync(live, NOBODY, NOBODY);
  world.mark('one');
  await world.ask('commit', 'app');
  world.mark('two');
  const committed = join(publish, 'app@1');
  tool('btrfs', 'property', 'set', '-ts', committed, 'ro', 'false');
  writeFileSync(join(committed, 'marker'), 'evil');
  tool('btrfs', 'property', 'set', '-ts', committed, 'ro', 'true');

  const problem = /app@1 was written to after it was committed/;
  const verified = await world.cli(['--json', 'verify']);
  t.equal(verified.status, 10);
  t.match(verified.json, { problems: [{ volume: 'wal', generation: 1, problem }] });

  const restored = await world.cli(['restore', 'app@1']);
  t.equal(restored.status, 0, restored.stderr);
  t.match(restored.stderr, problem);
  t.strictSame(world.liveMarkers(), ['one', 'evil']);
});

await t.test('a command that makes a subvolume is refused with its name, and leaves no trace', async (t) => {
  const world = await makeWorld(t);
  world.mark('one');
  const { live, publish } = world.volume('wal');
  const refused = await world.cli([
    '--json',
    'transact',
    'app',
    '--',
    'btrfs',
    'subvolume',
    'create',
    join(live, 'sub'),
  ]);
  t.equal(refused.status, 105, refused.stdout + refused.stderr);
  t.match(refused.json, { error: { code: 'SOURCE_NESTED', details: { volume: 'wal', nested: ['sub'] } } });
  t.equal(tool('find', publish, '-name', '.*~*'), '');
  t.match(await world.ask('commit', 'app'), { generation: 1 });
});

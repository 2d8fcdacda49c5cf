/** Changes of a group through the node that commands use. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { initNode, openNode } from '#src/index.js';
import { temporaryDirectory } from '../support/temp.js';

t.test('of changes that are made at once none takes back another', async (t) => {
  const root = temporaryDirectory(t, 'groups');
  const stateDirectory = join(root, 'state');
  const source = join(root, 'disk', 'db');
  mkdirSync(source, { recursive: true });
  await initNode({ stateDirectory, node: 'a' });
  const nodes = await Promise.all([1, 2, 3].map(async () => openNode({ stateDirectory })));
  t.teardown(() => {
    for (const node of nodes) node.close();
  });
  const [first, second, third] = nodes;
  if (first === undefined || second === undefined || third === undefined) throw new Error('three were opened');
  await first.addVolume({ name: 'db', source, driver: 'directory', publishDirectory: null });
  const none: readonly string[] = [];
  const targets = { freezeCgroups: none, freezeUnits: none, stopUnits: none, preHooks: none, postHooks: none };
  await first.createGroup({ name: 'app', volumes: ['db'], require: null, stallLimitMs: 5000, ...targets });
  await Promise.all([
    first.updateGroup('app', { stallLimitMs: 100 }),
    second.updateGroup('app', { require: 'fuzzy' }),
    third.updateGroup('app', { stopUnits: ['db.service'] }),
  ]);
  t.match(await first.group('app'), { stallLimitMs: 100, require: 'fuzzy', stopUnits: ['db.service'] });
});

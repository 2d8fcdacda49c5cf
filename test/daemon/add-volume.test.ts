/** `volume add` that is refused leaves every publish directory as it was. */
import { existsSync, mkdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { initNode, openNode } from '#src/index.js';
import { temporaryDirectory } from '../support/temp.js';

t.test('T11 a volume that is refused marks neither another one’s publish directory nor one of its own', async (t) => {
  const root = temporaryDirectory(t, 'add');
  const stateDirectory = join(root, 'state');
  const [a, b] = [join(root, 'a'), join(root, 'b')];
  mkdirSync(a);
  mkdirSync(b);
  await initNode({ stateDirectory, node: 'host' });
  const node = await openNode({ stateDirectory });
  t.teardown(() => {
    node.close();
  });
  const { publishDirectory } = await node.addVolume({
    name: 'a',
    source: a,
    driver: 'directory',
    publishDirectory: null,
  });
  const managed = { code: 'SOURCE_MANAGED', message: /meets volume a/ };

  const amongOthers = { name: 'b', source: b, driver: 'directory', publishDirectory } as const;
  await t.rejects(node.addVolume(amongOthers), managed);
  t.equal(readlinkSync(join(publishDirectory, '.source')), a, 'a rebuild and another log read whose it is');

  const twice = { name: 'typo', source: a, driver: 'directory', publishDirectory: null } as const;
  await t.rejects(node.addVolume(twice), managed);
  t.notOk(existsSync(join(root, '.snapcommit', 'typo')), 'nobody is told that the tree is managed there');
});

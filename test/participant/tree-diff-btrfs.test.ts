/** The difference of two btrfs snapshots: inodes are shared, and a nested subvolume is a stub. */
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { diffTrees } from '#src/participant/tree-diff.js';
import { makeBtrfs, run } from '../support/btrfs.js';
import { requireBtrfs } from '../support/requirements.js';

requireBtrfs(t);

async function diff(before: string, after: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const { kind, path } of diffTrees(before, after)) found.push(`${kind} ${path}`);
  return found;
}

void t.test('a change with the same size and time is found, what did not change is not read', async (t) => {
  const btrfs = makeBtrfs(t);
  const live = btrfs.subvolume('live');
  for (const name of ['same', 'content', 'mode', 'owner']) {
    writeFileSync(join(live, name), 'content');
    utimesSync(join(live, name), 1, 2);
  }
  const [one, two] = [join(btrfs.mount, 'one'), join(btrfs.mount, 'two')];
  run('btrfs', '--quiet', 'subvolume', 'snapshot', live, one);
  writeFileSync(join(live, 'content'), 'CONTENT');
  utimesSync(join(live, 'content'), 1, 2);
  chmodSync(join(live, 'mode'), 0o600);
  chownSync(join(live, 'owner'), 1, 1);
  run('btrfs', '--quiet', 'subvolume', 'snapshot', live, two);
  t.same(await diff(one, two), ['changed content', 'changed mode', 'changed owner']);
  t.equal(statSync(join(two, 'same')).atimeMs, 1000, 'its time of access did not move');
  t.equal(readFileSync(join(two, 'content'), 'utf8'), 'CONTENT');
});

void t.test('the stub of a nested subvolume is an empty directory', async (t) => {
  const btrfs = makeBtrfs(t);
  const live = btrfs.subvolume('live');
  btrfs.subvolume('live/nested');
  writeFileSync(join(live, 'nested', 'file'), '');
  chmodSync(join(live, 'nested'), 0o700);
  const snapshot = join(btrfs.mount, 'snapshot');
  run('btrfs', '--quiet', 'subvolume', 'snapshot', '-r', live, snapshot);
  t.equal(statSync(join(snapshot, 'nested')).ino, 2);
  t.same(await diff(snapshot, live), ['added nested/file']);
  const plain = btrfs.subvolume('plain');
  mkdirSync(join(plain, 'nested'), { mode: 0o711 });
  t.same(await diff(snapshot, plain), []);
});

/** Something is mounted in a live tree while a transact runs: it is aborted at once, and keeps no other group waiting. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { cli } from '../support/run-cli.js';
import { requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

await t.test('a transact whose live tree holds a mount by its end is over when it says so', async (t) => {
  const directory = temporaryDirectory(t, 'nested');
  const stateDirectory = join(directory, 'state');
  const ask = async (...args: readonly string[]) => cli(['--json', ...args], { stateDirectory });
  const inner = join(directory, 'a', 'inner');
  for (const name of ['a', 'b']) {
    mkdirSync(join(directory, name, 'inner'), { recursive: true });
    writeFileSync(join(directory, name, 'file'), name);
  }
  await ask('init', '--node', 'host');
  for (const name of ['a', 'b']) await ask('volume', 'add', name, '--source', join(directory, name));
  await ask('group', 'create', 'both', '--volume', 'a', 'b');
  await ask('group', 'create', 'alone', '--volume', 'b');
  const mounting = ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', inner];
  const ran = await ask('transact', 'both', '--no-mount', '--', ...mounting);
  t.teardown(() => execFileSync('umount', [inner]));
  t.equal(ran.status, 105, ran.stdout);
  t.match(ran.json, { error: { code: 'SOURCE_NESTED', details: { volume: 'a' } } });
  t.match(ran.stderr, /was aborted; nothing was published/);
  t.match((await ask('transaction', 'list')).json, [{ state: 'aborted' }]);
  t.equal((await ask('commit', 'alone')).status, 0);
  t.match((await ask('recover')).json, { actions: [], failures: [] });
});

/**
 * Somebody without root and without btrfs: the directory driver, a log in a directory of their own, and the whole main
 * job except for the freezer, with the grade said honestly.
 */
import { chmodSync, chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { at, textAt } from '../support/answers.js';
import { cli, type CliResult } from '../support/run-cli.js';
import { requireCommand, requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';

requireRoot(t);

const NOBODY = 65534;
const home = temporaryDirectory(t, 'user');
const setpriv = requireCommand(t, 'setpriv');
const under = [setpriv, `--reuid=${String(NOBODY)}`, `--regid=${String(NOBODY)}`, '--clear-groups'];
const stateDirectory = join(home, 'state');
const live = Object.fromEntries(['db', 'wal'].map((name) => [name, join(home, name, 'live')]));

chownSync(home, NOBODY, NOBODY);
chmodSync(home, 0o700);
for (const name of ['db', 'wal']) {
  mkdirSync(join(home, name, 'live'), { recursive: true });
  writeFileSync(join(home, name, 'live', 'marker'), 'one');
  for (const path of [name, `${name}/live`, `${name}/live/marker`]) chownSync(join(home, path), NOBODY, NOBODY);
}

const run = async (...args: readonly string[]): Promise<CliResult> => cli(args, { stateDirectory, under, cwd: home });

async function ask(...args: readonly string[]): Promise<unknown> {
  const result = await run('--json', ...args);
  if (result.status === 0) return result.json;
  throw new Error(`snapcommit ${args.join(' ')}: status ${String(result.status)} ${result.stdout}${result.stderr}`);
}

const markers = (): readonly string[] =>
  Object.values(live).map((tree) => readFileSync(join(tree, 'marker'), 'utf8').trim());
const print = Object.values(live)
  .map((tree) => `cat ${tree}/marker; echo`)
  .join('; ');

await t.test('an ordinary user makes a log, volumes and a group', async (t) => {
  await ask('init', '--node', 'host');
  for (const [name, source] of Object.entries(live)) {
    t.match(await ask('volume', 'add', name, '--source', source), { driver: 'directory' }, 'the driver is found');
  }
  await ask('group', 'create', 'app', '--volume', 'db', 'wal');
});

await t.test('G13 an ordinary user’s commit is fuzzy and says so', async (t) => {
  const json = await ask('commit', 'app');
  t.equal(at(json, 'consistency.grade'), 'fuzzy');
  t.equal((await run('commit', 'app', '--require', 'barrier')).status, 2);
});

await t.test('open and exec show the generation', async (t) => {
  for (const tree of Object.values(live)) writeFileSync(join(tree, 'marker'), 'two');
  const opened = await ask('open', 'app');
  for (const name of ['db', 'wal']) {
    t.equal(readFileSync(join(textAt(opened, `volumes.${name}.path`), 'marker'), 'utf8'), 'one');
  }
  const mounted = await run('exec', 'app', '--', '/bin/sh', '-c', print);
  if (mounted.status === 0)
    t.strictSame(mounted.stdout.split('\n').filter(Boolean), ['one', 'one'], 'in a user namespace');
  else t.match([mounted.status, mounted.stderr], [102, '--no-mount'], 'where there is none, it says what to do');
  const script = 'cat $SNAPCOMMIT_VOLUME_DB/marker; echo; cat $SNAPCOMMIT_VOLUME_WAL/marker';
  const plain = await run('exec', '--no-mount', 'app', '--', '/bin/sh', '-c', script);
  t.strictSame(plain.stdout.split('\n').filter(Boolean), ['one', 'one'], plain.stderr);
});

await t.test('transact changes both volumes or none', async (t) => {
  const write = 'echo $0 > $SNAPCOMMIT_VOLUME_DB/marker; echo $0 > $SNAPCOMMIT_VOLUME_WAL/marker';
  const failed = await run('transact', '--no-mount', 'app', '--', '/bin/sh', '-c', `${write}; exit 9`, 'three');
  t.equal(failed.status, 9, failed.stderr);
  t.strictSame(markers(), ['two', 'two']);
  const json = await ask('transact', '--no-mount', 'app', '--', '/bin/sh', '-c', write, 'three');
  t.strictSame(markers(), ['three', 'three']);
  t.equal(at(json, 'generation'), 2);
  t.not(at(json, 'consistency.grade'), 'application');
});

await t.test('restore, verify, prune', async (t) => {
  await ask('restore', 'app@1');
  t.strictSame(markers(), ['one', 'one']);
  t.strictSame(at(await ask('verify'), 'problems'), []);
  t.strictSame(at(await ask('prune', 'app', '--keep-last', '1'), 'removed'), [1, 2]);
  t.strictSame(await ask('recover'), { actions: [], failures: [] });
});

await t.test('G8 recover finishes what a crash left', async (t) => {
  for (const point of ['stage.after', 'commit.after', 'view.before-flip']) {
    const env = { SNAPCOMMIT_CRASH_AT: point };
    t.equal((await cli(['commit', 'app'], { stateDirectory, under, cwd: home, env })).signal, 'SIGKILL', point);
    t.notSame(await ask('recover'), { actions: [], failures: [] });
    t.strictSame(await ask('recover'), { actions: [], failures: [] });
    t.strictSame(at(await ask('verify'), 'problems'), []);
  }
  t.equal(at(await ask('open', 'app'), 'generation'), 5);
});

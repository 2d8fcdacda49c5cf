// test-timeout-seconds: 1200
/** A dataset with everything below it: added by one command, cut by one call, and never without what came later. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsDriver } from '#src/adapters/driver-zfs/index.js';
import { cli, type CliResult } from '../support/run-cli.js';
import { temporaryDirectory } from '../support/temp.js';
import { makePool, property, zfs, zpool } from '../support/zfs.js';

const stateDirectory = join(temporaryDirectory(t, 'children'), 'state');
const pool = makePool(t);
const driver = createZfsDriver(createCommandRunner());
const named = (name: string): string => `${pool.pool}/${name}`;
const CHILDREN = 'snapcommit:children';
const ADD = ['volume', 'add', 'app', '--source', named('app'), '--recursive'];
const ALL = ['app', 'app-box-inner', 'app-db', 'app-db-logs'];
/** By volume; the container `app/box` is none. */
const sources = new Map<string, string>();

async function run(...args: readonly string[]): Promise<CliResult> {
  return cli(['--json', ...args], { stateDirectory });
}

async function ask(...args: readonly string[]): Promise<unknown> {
  const result = await run(...args);
  if (result.status === 0) return result.json;
  throw new Error(`snapcommit ${args.join(' ')}: ${String(result.status)} ${result.stdout}${result.stderr}`);
}

/** `zfs snapshot` as the pool remembers it. */
function snapshotCalls(): readonly string[] {
  return zpool('history', pool.pool)
    .split('\n')
    .filter((line) => line.includes(' zfs snapshot '));
}

function mark(text: string): void {
  for (const source of sources.values()) writeFileSync(join(source, 'file'), text);
}

/** What a generation holds of a volume. */
function kept(volume: string, generation: string): string {
  return readFileSync(join(pool.mount, '.snapcommit', volume, generation, 'file'), 'utf8');
}

await t.test('a tree of three levels is added by one command, which says beforehand what it would do', async (t) => {
  sources.set('app', pool.dataset('app'));
  sources.set('app-db', pool.dataset('app/db'));
  sources.set('app-db-logs', pool.dataset('app/db/logs'));
  zfs('create', '-o', 'canmount=off', named('app/box'));
  sources.set('app-box-inner', pool.dataset('app/box/inner'));
  await ask('init');
  const before = zfs('list', '-H', '-o', 'name');
  t.match(await ask(...ADD, '--dry-run'), { dryRun: true, added: ALL, containers: [named('app/box')] });
  t.equal(zfs('list', '-H', '-o', 'name'), before, 'nothing was made');
  t.match(await ask(...ADD), {
    added: ALL,
    volumes: ALL.map((name) => ({
      name,
      source: sources.get(name),
      publishDirectory: join(pool.mount, '.snapcommit', name),
    })),
    groups: [],
  });
  for (const name of ['app', 'app/db', 'app/db/logs']) t.equal(property(named(name), CHILDREN), 'recursive');
  t.match(await ask(...ADD), { added: [] }, 'once more it finds nothing to do');
});

await t.test('a commit of all of it is one call to the pool', async (t) => {
  await ask('group', 'create', 'all', '--volume', ...ALL);
  mark('one');
  const before = snapshotCalls().length;
  t.match(await ask('commit', 'all'), { generation: 1, state: 'published' });
  const calls = snapshotCalls().slice(before);
  t.equal(calls.length, 1);
  for (const name of ['app', 'app/db', 'app/db/logs', 'app/box/inner']) t.match(calls[0], `${named(name)}@`);
  for (const volume of ALL) t.equal(kept(volume, 'all@1'), 'one');
});

await t.test('a leaf is restored, and remembers what was said; a dataset with children cannot be', async (t) => {
  await ask('group', 'create', 'leaf', '--volume', 'app-db-logs');
  await ask('commit', 'leaf');
  mark('two');
  await ask('restore', 'leaf@1');
  t.equal(readFileSync(join(sources.get('app-db-logs') ?? '', 'file'), 'utf8'), 'one');
  t.equal(property(named('app/db/logs'), CHILDREN), 'recursive', 'the clone that took its place says it, too');
  t.match(zfs('get', '-H', '-o', 'source', CHILDREN, named('app/db/logs')), 'local');
  t.match((await run('restore', 'all@1')).json, { error: { code: 'UNSUPPORTED', message: /child datasets/ } });
  t.match(await ask('commit', 'all'), { generation: 2 }, 'all of it is committed as before');
  t.equal(kept('app-db-logs', 'all@2'), 'one');
  t.equal(kept('app-db', 'all@2'), 'two');
});

await t.test('G8 a new child refuses the commit, wherever it is, until the same command has added it', async (t) => {
  const refusal = async (name: string): Promise<void> => {
    const { status, json } = await run('commit', 'all');
    t.equal(status, 2, name);
    const message = new RegExp(`${named(name)}\\. Run .snapcommit volume add .* --recursive`);
    t.match(json, { error: { code: 'SOURCE_NESTED', message } });
  };
  sources.set('app-box-boxed', pool.dataset('app/box/boxed'));
  await refusal('app/box/boxed');
  t.match(await ask(...ADD), { added: ['app-box-boxed'] });
  const beside = await run('commit', 'all');
  t.equal(beside.status, 0);
  t.match(beside.stderr, 'app-box-boxed', 'it is told that the group does not have it');
  sources.set('app-db-logs-deep', pool.dataset('app/db/logs/deep'));
  await refusal('app/db/logs/deep');
  sources.set('app-new', pool.dataset('app/new'));
  ALL.push('app-box-boxed', 'app-db-logs-deep', 'app-new');
  t.match(await ask(...ADD), {
    added: ['app-db-logs-deep', 'app-new'],
    groups: [{ group: 'all', missing: ['app-box-boxed', 'app-db-logs-deep', 'app-new'] }],
  });
  await ask('group', 'update', 'all', '--volume', ...ALL);
  mark('three');
  const before = snapshotCalls().length;
  const whole = await run('commit', 'all');
  t.equal(whole.status, 0, 'with all of them');
  t.notMatch(whole.stderr, 'group update');
  t.equal(snapshotCalls().length - before, 1);
  const { generation } = whole.json as { generation: number };
  for (const volume of ALL) t.equal(kept(volume, `all@${String(generation)}`), 'three');
});

await t.test('G8 what can be no volume refuses the command and the commit; separate leaves it out', async (t) => {
  zfs('create', '-s', '-V', '16M', named('app/new/block'));
  const { status, json } = await run(...ADD);
  t.equal(status, 2);
  t.match(json, { error: { code: 'SOURCE_NESTED', message: new RegExp(`${named('app/new/block')} is a zvol`) } });
  t.match((await run('commit', 'all')).json, { error: { code: 'SOURCE_NESTED', message: /zvol/ } });
  zfs('set', `${CHILDREN}=separate`, named('app/new'));
  t.match(await ask(...ADD), { added: [] });
  t.equal(property(named('app/new'), CHILDREN), 'separate', 'which stays');
  t.equal((await run('commit', 'all')).status, 0);
});

await t.test('a child that is mounted elsewhere, and a volume that is away', async (t) => {
  const elsewhere = join(pool.directory, 'elsewhere');
  mkdirSync(elsewhere);
  zfs('create', '-o', `mountpoint=${elsewhere}`, named('app/far'));
  t.match(await ask(...ADD), { added: ['app-far'] });
  t.match(await ask('volume', 'show', 'app-far'), {
    source: elsewhere,
    publishDirectory: join(pool.mount, '.snapcommit', 'app-far'),
  });
  zfs('unmount', named('app/far'));
  t.match(await ask(...ADD), { added: [] }, 'it is a volume still');
  t.equal((await run('commit', 'all')).status, 0);
  zfs('mount', named('app/far'));
});

await t.test('volume remove takes the mark away, and then children are refused as before', async (t) => {
  await ask('group', 'remove', 'leaf', '--with-generations');
  await ask('group', 'remove', 'all', '--with-generations');
  await ask('volume', 'remove', 'app-far');
  await ask('volume', 'remove', 'app');
  t.equal(property(named('app'), CHILDREN), '-');
  const plain = await run('volume', 'add', 'app', '--source', named('app'));
  t.match(plain.json, { error: { code: 'SOURCE_NESTED', message: /--recursive.*children=separate/ } });
  t.match(await ask(...ADD), { added: ['app', 'app-far'] });
});

await t.test('a dataset whose children are gone, and not what was published of them, is not exchanged', async (t) => {
  const source = pool.dataset('solo');
  pool.dataset('solo/child');
  t.match(await ask('volume', 'add', 'solo', '--source', named('solo'), '--recursive'), {
    added: ['solo', 'solo-child'],
  });
  pool.destroy('solo/child');
  const found = await driver.inspect('solo', source, null);
  t.match(found.exchange, { possible: false, reason: named('solo/.snapcommit') });
});

await t.test('a root that is only a container, and what is no dataset, are refused with what to do', async (t) => {
  const box = await run('volume', 'add', 'box', '--source', named('app/box'), '--recursive');
  t.match(box.json, { error: { code: 'VOLUME_UNAVAILABLE', message: /canmount=off.*datasets below it/ } });
  const directory = await run('volume', 'add', 'd', '--source', dirname(stateDirectory), '--recursive');
  t.match(directory.json, { error: { code: 'USAGE', message: /--recursive.*directory/ } });
});

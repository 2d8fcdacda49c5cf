/** State directories that cannot be used: missing, foreign, of a newer format, read-only, full, open to others. */
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Sqlite } from '#src/adapters/store-sqlite/sqlite.js';
import { at, textAt } from '../support/answers.js';
import { cli } from '../support/run-cli.js';
import { requireLoopDevices } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';
import { tool } from '../support/world.js';

requireLoopDevices(t);

const directory = temporaryDirectory(t, 'state');

interface Expected {
  readonly status: number;
  readonly code: string;
  readonly says: string | RegExp;
}

async function assertAnswers(
  t: Test,
  stateDirectory: string,
  args: readonly string[],
  expected: Expected,
): Promise<void> {
  const result = await cli(['--json', ...args], { stateDirectory });
  const name = `${args.join(' ')} in ${stateDirectory}`;
  t.equal(result.status, expected.status, `${name}: ${result.stdout}`);
  t.equal(at(result.json, 'error.code'), expected.code, name);
  t.match(textAt(result.json, 'error.message'), expected.says, name);
}

async function makeState(name: string): Promise<string> {
  const state = join(directory, name);
  const { status, stderr } = await cli(['init', '--node', 'host'], { stateDirectory: state });
  if (status !== 0) throw new Error(stderr);
  return state;
}

await t.test('no state directory', async (t) => {
  const missing = join(directory, 'missing');
  const expected = { status: 3, code: 'STATE_NOT_FOUND', says: 'snapcommit init' };
  for (const args of [['status'], ['commit', 'app'], ['recover'], ['thaw', '--all']]) {
    await assertAnswers(t, missing, args, expected);
  }
  t.notOk(readdirSync(directory).includes('missing'), 'asking makes none');
});

await t.test('something else under its name', async (t) => {
  const file = join(directory, 'file');
  const others = join(directory, 'others');
  const link = join(directory, 'link');
  writeFileSync(file, 'mine');
  mkdirSync(others, { mode: 0o700 });
  writeFileSync(join(others, 'letters.txt'), 'mine');
  symlinkSync(await makeState('linked'), link);
  const invalid = { status: 2, code: 'STATE_DIRECTORY_INVALID' };
  await assertAnswers(t, file, ['status'], { ...invalid, says: 'is no directory' });
  await assertAnswers(t, file, ['init', '--node', 'host'], { ...invalid, says: 'is no directory' });
  await assertAnswers(t, others, ['init', '--node', 'host'], { ...invalid, says: 'letters.txt' });
  await assertAnswers(t, link, ['status'], { ...invalid, says: 'symbolic link' });
  await assertAnswers(t, others, ['status'], { status: 3, code: 'STATE_NOT_FOUND', says: 'snapcommit init' });
  t.strictSame(readdirSync(others), ['letters.txt'], 'nothing was put into it');
});

await t.test('init twice', async (t) => {
  const state = await makeState('twice');
  await assertAnswers(t, state, ['init', '--node', 'other'], { status: 4, code: 'EXISTS', says: state });
  t.equal((await cli(['status'], { stateDirectory: state })).status, 0, 'the first is as it was');
});

await t.test('open to others', async (t) => {
  const state = await makeState('open');
  for (const mode of [0o750, 0o701]) {
    chmodSync(state, mode);
    const expected = { status: 2, code: 'STATE_DIRECTORY_INVALID', says: 'chmod 700' };
    await assertAnswers(t, state, ['status'], expected);
    await assertAnswers(t, state, ['commit', 'app'], expected);
  }
});

await t.test('another format, or damaged', async (t) => {
  const newer = await makeState('newer');
  const file = join(newer, 'log', 'log.sqlite');
  const database = new Sqlite(file);
  const format = Number(database.pragma('user_version', { simple: true }));
  database.pragma(`user_version = ${String(format + 1)}`);
  database.close();
  await assertAnswers(t, newer, ['status'], { status: 6, code: 'LOG_FORMAT_NEWER', says: /newer/ });
  await assertAnswers(t, newer, ['recover'], { status: 6, code: 'LOG_FORMAT_NEWER', says: /newer/ });

  const damaged = await makeState('damaged');
  writeFileSync(join(damaged, 'log', 'log.sqlite'), 'this was a log');
  await assertAnswers(t, damaged, ['status'], { status: 6, code: 'LOG_CORRUPT', says: 'damaged' });
});

await t.test('on a read-only filesystem', async (t) => {
  const { mount, state } = await makeSmallDisk(t, 'fixed');
  tool('mount', '-o', 'remount,ro', mount);
  const group = ['group', 'create', 'app', '--volume', 'plain'];
  await assertAnswers(t, state, group, { status: 6, code: 'STORE_READ_ONLY', says: /read-only/ });
  await assertAnswers(t, join(mount, 'new'), ['init', '--node', 'host'], {
    status: 6,
    code: 'STORE_READ_ONLY',
    says: mount,
  });
  await assertAnswers(t, state, ['status'], { status: 6, code: 'STORE_READ_ONLY', says: /read-only/ });
});

await t.test('on a full disk', async (t) => {
  const { mount, state } = await makeSmallDisk(t, 'full');
  t.throws(() => tool('dd', 'if=/dev/zero', `of=${mount}/filler`, 'bs=4k'), 'it is full now');
  await assertAnswers(t, join(mount, 'new'), ['init', '--node', 'host'], {
    status: 6,
    code: 'STORE_FULL',
    says: 'Free some space',
  });
  t.notOk(
    readdirSync(mount).includes('new') && readdirSync(join(mount, 'new')).includes('log'),
    'no half a log is left',
  );
  const source = join(directory, 'plain');
  mkdirSync(source);
  const add = ['volume', 'add', 'plain', '--source', source, '--driver', 'directory'];
  await assertAnswers(t, state, add, { status: 6, code: 'STORE_FULL', says: 'Free some space' });
  tool('rm', `${mount}/filler`);
  const { status, stderr } = await cli(add, { stateDirectory: state });
  t.equal(status, 0, `with space it works: ${stderr}`);
});

/** A state directory on an ext4 disk of its own. */
async function makeSmallDisk(t: Test, name: string): Promise<{ readonly mount: string; readonly state: string }> {
  const mount = join(directory, name);
  const image = `${mount}.img`;
  mkdirSync(mount);
  tool('truncate', '-s', '8M', image);
  tool('mkfs.ext4', '-q', '-m', '0', image);
  tool('mount', '-o', 'loop', image, mount);
  t.teardown(() => {
    tool('umount', mount);
  });
  return { mount, state: await makeState(join(name, 'snapcommit')) };
}

/** Commands and guards whose snapcommit died or gave up: they end before anything is taken away under them, and nothing stays. */
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { openNode } from '#src/index.js';
import { problemsOf } from '../support/check-world.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { makeImpatient, startUntilEnd } from '../support/scenario.js';
import { until } from '../support/until.js';
import { makeWorld } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);
const setpriv = requireCommand(t, 'setpriv');
const PROGRAM = join(import.meta.dirname, '..', '..', '..', 'bin', 'snapcommit.js');
const NOBODY = 65534;

await t.test('T12 a command that outlived its transact never sees its trees emptied', async (t) => {
  const world = await makeWorld(t);
  makeImpatient(world);
  world.mark('start');
  const [runs, emptied] = [join(world.directory, 'runs'), join(world.directory, 'emptied')];
  const look = world.volumes.map(({ live }) => `[ -e ${live}/marker ] || : > ${emptied}`).join('; ');
  const words = ['transact', 'app', '--', '/bin/sh', '-c', `: > ${runs}; while :; do ${look}; done`];
  const running = startUntilEnd(t, world, words);
  await until('the command runs', () => existsSync(runs));
  running.child.kill('SIGKILL');
  await until('the transact is gone', () => running.child.signalCode !== null);
  t.equal((await world.cli(['recover'])).status, 0);
  t.notOk(existsSync(emptied), 'it was ended before its clones were deleted');
  t.strictSame(await problemsOf(world, ['start']), []);
});

await t.test('T12 an ordinary user’s command that outlived its transact is ended, too', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-orphan-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true, force: true });
  });
  const [data, pidFile, stateDirectory] = [join(directory, 'data'), join(directory, 'pid'), join(directory, 'state')];
  mkdirSync(data);
  writeFileSync(join(data, 'file'), 'old');
  for (const path of [directory, data, join(data, 'file')]) chownSync(path, NOBODY, NOBODY);
  const user = [`--reuid=${String(NOBODY)}`, `--regid=${String(NOBODY)}`, '--clear-groups', process.execPath, PROGRAM];
  const env = { PATH: '/usr/bin:/bin', NO_COLOR: '1', SNAPCOMMIT_STATE_DIR: stateDirectory };
  const ask = (...args: readonly string[]): number | null =>
    spawnSync(setpriv, [...user, ...args], { env, cwd: '/', stdio: ['ignore', 'ignore', 'inherit'] }).status;
  t.equal(ask('init', '--node', 'host'), 0);
  t.equal(ask('volume', 'add', 'data', '--source', data), 0);
  t.equal(ask('group', 'create', 'app', '--volume', 'data'), 0);

  const script = `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 600`;
  const words = ['transact', 'app', '--no-mount', '--', '/bin/sh', '-c', script];
  const child = spawn(setpriv, [...user, ...words], { env, cwd: '/', stdio: 'ignore' });
  await until('the command runs', () => existsSync(pidFile));
  const pid = readFileSync(pidFile, 'utf8').trim();
  t.teardown(() => {
    if (runs(pid)) process.kill(Number(pid), 'SIGKILL');
  });
  child.kill('SIGKILL');
  await until('the transact is gone', () => child.signalCode !== null);
  t.ok(runs(pid), 'its command goes on');
  t.equal(ask('recover'), 0);
  t.notOk(runs(pid), 'and is ended by recovery');
});

await t.test('G4 a commit that gives up while its guard is being armed leaves neither guard nor intent', async (t) => {
  const world = await makeWorld(t, { freeze: true });
  const { stateDirectory } = world;
  const node = await openNode({ stateDirectory, settings: { takeOverGraceMs: 50, lockWaitMs: 100 } });
  t.teardown(() => {
    node.close();
  });
  const held = createFlockLocks(join(stateDirectory, 'locks')).tryAcquire('volume-db', 'exclusive');
  t.teardown(() => held?.release());
  t.teardown(() => {
    for (const pid of guards(stateDirectory)) process.kill(Number(pid), 'SIGKILL');
  });
  const request = { group: 'app', message: '', labels: {}, require: null, expectGeneration: null, requestId: null };
  await t.rejects(node.commit({ ...request, signal: new AbortController().signal }, false), { code: 'BUSY' });
  t.strictSame(readdirSync(join(stateDirectory, 'freeze')), [], 'no intent');
  await until('the guard is gone', () => guards(stateDirectory).length === 0);
  t.pass();
});

function runs(pid: string): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

function guards(stateDirectory: string): readonly string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(join(stateDirectory, 'freeze'));
    } catch {
      return false;
    }
  });
}

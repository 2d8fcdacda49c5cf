/** The processes that a command leaves, how they are found, interrupted and ended, and the locks that they keep. */
import { once } from 'node:events';
import { existsSync, openSync, closeSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t, { type Test } from 'tap';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import { tryFlock } from '#src/native/flock.js';
import { readProcessStat } from '#src/native/proc.js';
import { cgroupMount, makeCgroup } from '../support/cgroups.js';
import { requireCgroups } from '../support/requirements.js';
import { PLAIN_REQUEST, reported, runSandbox, shell, startSandbox, uniqueName } from '../support/sandboxes.js';
import { makeStuckWriter } from '../support/stuck-writer.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

requireCgroups(t);

const DAEMON = 'setsid sh -c "sleep 1000 & echo \\$! > $PID_FILE; wait" > /dev/null 2>&1 < /dev/null &';

function pidsIn(cgroup: string): readonly string[] {
  return readFileSync(join(cgroupMount(), cgroup, 'cgroup.procs'), 'utf8')
    .split('\n')
    .filter(Boolean);
}

/** A zombie, which only waits for init to look at it, is none. */
function isAlive(pid: string): boolean {
  const state = readProcessStat(Number(pid))?.state ?? 'X';
  return state !== 'Z' && state !== 'X';
}

function isLocked(file: string): boolean {
  const fd = openSync(file, 'r+');
  try {
    return !tryFlock(fd, 'exclusive');
  } finally {
    closeSync(fd);
  }
}

function daemonEnvironment(t: Test): { PATH: string; PID_FILE: string } {
  const file = join(temporaryDirectory(t), 'pid');
  t.teardown(() => {
    // only a bug leaves it
    const pid = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    if (pid !== '' && isAlive(pid)) process.kill(Number(pid), 'SIGKILL');
  });
  return { PATH: '/usr/bin:/bin', PID_FILE: file };
}

void t.test('the command runs in its cgroup, which stays for endAll and is found by its name', async (t) => {
  const cgroup = uniqueName();
  const { stdout, result } = await runSandbox(t, { command: ['cat', '/proc/self/cgroup'], cgroup });
  const path = result?.cgroup ?? '';
  t.match(path, new RegExp(`/snapcommit-${cgroup}$`));
  t.match(stdout, new RegExp(`^0::.*/snapcommit-${cgroup}$`, 'm'));
  const sandbox = createSandbox();
  t.same(
    (await sandbox.leftovers()).filter(({ name }) => name === cgroup),
    [{ name: cgroup, cgroup: path }],
  );
  const again = await runSandbox(t, { command: ['true'], cgroup });
  t.match(again.error, { code: 'EXISTS', message: /snapcommit recover/ }, 'a name is not used twice');
  await sandbox.endAll(path);
  await sandbox.endAll(path);
  t.notOk((await sandbox.leftovers()).some(({ name }) => name === cgroup));
});

void t.test('a daemonised grandchild stays in the cgroup and is ended by endAll', async (t) => {
  const environment = daemonEnvironment(t);
  const command = shell(`${DAEMON} while ! [ -s $PID_FILE ]; do sleep 0.01; done`);
  const { result, stderr } = await runSandbox(t, { command, environment, cgroup: uniqueName() });
  t.equal(result?.status, 0, stderr);
  const path = result?.cgroup ?? '';
  const pid = readFileSync(environment.PID_FILE, 'utf8').trim();
  t.ok(pidsIn(path).includes(pid), 'it is still there');
  await createSandbox().endAll(path);
  t.notOk(isAlive(pid), 'it is gone');
  t.notOk(existsSync(cgroupMount() + path), 'so is the cgroup');
});

void t.test('endAll ends and removes nested cgroups as well', async (t) => {
  const cgroup = uniqueName();
  const script = `
    own=$(sed -n s/^0:://p /proc/self/cgroup)
    case $own in */snapcommit-${cgroup}) ;; *) exit 1 ;; esac
    inner=${cgroupMount()}$own/inner
    mkdir $inner
    echo $$ > $inner/cgroup.procs
    setsid sleep 1000 > /dev/null 2>&1 &`;
  const { result } = await runSandbox(t, { command: shell(script), cgroup });
  t.equal(result?.status, 0);
  const path = result?.cgroup ?? '';
  t.teardown(() => {
    // only a bug leaves it
    const inner = join(cgroupMount(), path, 'inner');
    if (existsSync(inner)) rmdirSync(inner);
  });
  await createSandbox({ endMs: 2_000 }).endAll(path);
  t.notOk(existsSync(cgroupMount() + path));
});

void t.test('endAll names who will not die, and leaves the cgroup for a later attempt', async (t) => {
  const cgroup = makeCgroup(t);
  await makeStuckWriter(t, cgroup);
  const [pid = ''] = pidsIn(cgroup.cgroup);
  let answer: unknown;
  createSandbox({ endMs: 50 })
    .endAll(cgroup.cgroup)
    .catch((error: unknown) => {
      answer = error;
    });
  await until('endAll gives up', () => answer !== undefined);
  t.match(answer, { code: 'IN_USE', message: new RegExp(`pids ${pid}\\)`) });
  t.ok(existsSync(cgroup.directory));
});

void t.test('endAll refuses every cgroup that is not a command’s, and our own', async (t) => {
  const sandbox = createSandbox();
  for (const cgroup of ['/', '/user.slice', '/snapcommit-x/..', 'snapcommit-x', '/snapcommit-x/inner']) {
    await t.rejects(sandbox.endAll(cgroup), { code: 'CGROUP_INVALID' }, cgroup);
  }
});

void t.test('endAll refuses the cgroup that its caller runs in', async (t) => {
  const cgroup = uniqueName();
  const index = pathToFileURL(join(import.meta.dirname, '../../../dist/adapters/sandbox/index.js')).href;
  const script = `
    const own = /^0::(.*)$/m.exec((await import('node:fs')).readFileSync('/proc/self/cgroup', 'utf8'))[1];
    const { createSandbox } = await import('${index}');
    await createSandbox().endAll(own).catch((error) => console.log(error.code, error.message));
  `;
  const command = [process.execPath, '--input-type=module', '-e', script];
  const { result, stdout, stderr } = await runSandbox(t, { command, cgroup });
  t.match(stdout, /^CGROUP_INVALID we run in .* ourselves/, stderr);
  t.equal(result?.status, 0);
});

void t.test('a request that fails leaves no cgroup', async (t) => {
  const cgroup = uniqueName();
  const { error } = await runSandbox(t, { command: ['true'], workingDirectory: '/no/such/directory', cgroup });
  t.equal(error?.code, 'USAGE');
  t.notOk((await createSandbox().leftovers()).some(({ name }) => name === cgroup));
});

void t.test('T9 a lock that is handed over is held by the command and its children after our death', async (t) => {
  const environment = daemonEnvironment(t);
  const lock = join(temporaryDirectory(t), 'lock');
  writeFileSync(lock, '');
  const cgroup = uniqueName();
  const command = shell(`${DAEMON} sleep 1000`);
  const running = startSandbox(t, { command, environment, cgroup, lockFiles: [lock] });
  await until('the daemon runs', () => existsSync(environment.PID_FILE));
  t.ok(isLocked(lock));
  running.child.kill('SIGKILL');
  await once(running.child, 'exit');
  t.ok(isLocked(lock), 'the lock is held by what we left');

  const [left] = (await createSandbox().leftovers()).filter(({ name }) => name === cgroup);
  const path = left?.cgroup ?? '';
  const pid = readFileSync(environment.PID_FILE, 'utf8').trim();
  for (const other of pidsIn(path).filter((each) => each !== pid)) process.kill(Number(other), 'SIGKILL');
  await until('only the grandchild is left', () => pidsIn(path).join() === pid);
  t.ok(isLocked(lock), 'the grandchild alone holds it');
  await createSandbox().endAll(path);
  t.notOk(isLocked(lock), 'it ends with the last of them');
});

for (const cgroup of [uniqueName(), null]) {
  const where = cgroup === null ? 'without a cgroup' : 'in a cgroup';

  void t.test(`an interrupted command ${where} gets SIGTERM, its children too`, async (t) => {
    const script =
      'trap "wait; exit 5" TERM; sh -c "trap \\"echo child; exit\\" TERM; echo up; while :; do sleep 0.01; done" & wait';
    const running = startSandbox(t, { command: shell(script), cgroup });
    await until('both run', () => running.stdout().includes('up'));
    running.child.kill('SIGTERM');
    const done = await reported(running);
    t.match(done.result, { status: 5, interrupted: true });
    t.equal(done.stdout, 'up\nchild\n');
    await endIfMade(done.result?.cgroup);
  });

  void t.test(`a command ${where} that ignores SIGTERM is killed after the grace`, async (t) => {
    const command = shell('trap "" TERM; echo up; while :; do sleep 1000; done');
    const running = startSandbox(t, { command, cgroup, options: { graceMs: 50 } });
    await until('it runs', () => running.stdout().includes('up'));
    running.child.kill('SIGTERM');
    const done = await reported(running);
    t.match(done.result, { status: 137, interrupted: true });
    await endIfMade(done.result?.cgroup);
  });
}

void t.test('a signal that was given before the start starts nothing', async (t) => {
  const proof = join(temporaryDirectory(t), 'ran');
  const result = await createSandbox().run({
    ...PLAIN_REQUEST,
    command: ['/usr/bin/touch', proof],
    mount: false,
    signal: AbortSignal.abort(),
  });
  t.same(result, { status: 143, cgroup: null, interrupted: true });
  t.notOk(existsSync(proof));
});

async function endIfMade(cgroup: string | null | undefined): Promise<void> {
  if (typeof cgroup === 'string') await createSandbox().endAll(cgroup);
}

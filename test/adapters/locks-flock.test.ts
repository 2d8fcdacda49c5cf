/** Kernel locks: who excludes whom, who holds, and how holders are ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { readProcessStat } from '#src/native/proc.js';
import { ended, makeCgroup } from '../support/cgroups.js';
import { requireCgroups, requireCommand, requireLoopDevices } from '../support/requirements.js';
import { makeStuckWriter } from '../support/stuck-writer.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

requireCgroups(t);
requireLoopDevices(t);
requireCommand(t, 'fsfreeze');

/** exit(2), which ends one thread: of the two architectures that Node is built for here. */
const SYS_EXIT = process.arch === 'arm64' ? 93 : 60;

/** A process of its own that holds the lock until it ends; told anything, it ends its first thread and no other one. */
async function holdElsewhere(
  t: Test,
  directory: string,
  name: string,
  mode: 'shared' | 'exclusive',
): Promise<ChildProcess> {
  const source = `
    import { createFlockLocks } from ${JSON.stringify(import.meta.resolve('#src/adapters/locks-flock/index.js'))};
    import { loadLibc } from ${JSON.stringify(import.meta.resolve('#src/native/library.js'))};
    const lock = createFlockLocks(${JSON.stringify(directory)}).tryAcquire('${name}', '${mode}');
    const endThread = loadLibc().func('long syscall(long number, long status)');
    process.stdin.on('data', () => endThread(${String(SYS_EXIT)}, 0));
    process.stdout.write(lock === null ? 'refused' : 'held');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const [answer] = (await once(child.stdout, 'data')) as [Buffer];
  t.equal(String(answer), 'held');
  return child;
}

void t.test('an exclusive lock excludes everybody, shared ones exclude exclusive ones', async (t) => {
  const directory = join(temporaryDirectory(t), 'locks');
  const locks = createFlockLocks(directory);
  const first = locks.tryAcquire('volume-a', 'shared');
  const second = locks.tryAcquire('volume-a', 'shared');
  t.ok(first);
  t.ok(second);
  t.equal(locks.tryAcquire('volume-a', 'exclusive'), null);
  const other = locks.tryAcquire('volume-b', 'exclusive');
  t.ok(other, 'another name is another lock');
  t.equal(locks.tryAcquire('volume-b', 'shared'), null);
  first?.release();
  first?.release();
  t.equal(locks.tryAcquire('volume-a', 'exclusive'), null, 'releasing twice releases once');
  second?.release();
  const exclusive = await locks.acquire('volume-a', 'exclusive', 0);
  exclusive.release();
  other?.release();
  t.equal(statSync(join(directory, 'volume-a.lock')).mode & 0o777, 0o600);
  t.equal(statSync(directory).mode & 0o777, 0o700);
});

void t.test('names that are no plain file names are refused', (t) => {
  const locks = createFlockLocks(temporaryDirectory(t));
  for (const name of ['', '..', '.hidden', 'a/b', '../a', 'a\nb', '-a']) {
    t.throws(() => locks.tryAcquire(name, 'shared'), { code: 'NAME_INVALID' }, JSON.stringify(name));
  }
  t.end();
});

void t.test('the death of a holder releases its lock', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const child = await holdElsewhere(t, directory, 'a', 'exclusive');
  t.equal(locks.tryAcquire('a', 'shared'), null);
  t.match(locks.holders('a'), [{ pid: child.pid, command: /node/ }]);
  const error = await locks.acquire('a', 'shared', 20).catch((reason: unknown) => reason);
  t.match(error, { code: 'BUSY', message: `pid ${String(child.pid)}` });

  const waiting = locks.acquire('a', 'exclusive', 60_000);
  child.kill('SIGKILL');
  (await waiting).release();
  t.same(locks.holders('a'), []);
});

void t.test('waiting ends when it is interrupted', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const held = locks.tryAcquire('a', 'exclusive');
  const abort = new AbortController();
  const waiting = locks.acquire('a', 'exclusive', 600_000, abort.signal);
  abort.abort();
  await t.rejects(waiting, { code: 'INTERRUPTED' });
  await t.rejects(locks.acquire('a', 'exclusive', 600_000, abort.signal), { code: 'INTERRUPTED' });
  held?.release();
});

void t.test('a child that inherited the descriptor keeps the lock, and is the one that is named', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const lock = await locks.acquire('a', 'exclusive', 0);
  const heir = spawn('/usr/bin/sleep', ['1000'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
  const stranger = spawn('/usr/bin/sleep', ['1000'], { stdio: 'ignore' });
  t.teardown(() => [heir, stranger].map((child) => child.kill('SIGKILL')));
  t.same(
    locks.holders('a').map(({ pid }) => pid),
    [process.pid, heir.pid ?? 0].sort((a, b) => a - b),
  );
  lock.release();
  t.match(locks.holders('a'), [{ pid: heir.pid, command: 'sleep' }], 'not us, whom /proc/locks still names');
  t.equal(locks.tryAcquire('a', 'shared'), null);
  await locks.endHolders('a', 10_000);
  await until('the heir has ended', () => heir.signalCode === 'SIGKILL');
  t.ok(locks.tryAcquire('a', 'exclusive'));
  t.equal(stranger.exitCode, null);
});

void t.test('endHolders ends a stopped holder and every shared one, and nobody else', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const [stopped, running] = [
    await holdElsewhere(t, directory, 'a', 'shared'),
    await holdElsewhere(t, directory, 'a', 'shared'),
  ];
  const bystander = await holdElsewhere(t, directory, 'b', 'exclusive');
  stopped.kill('SIGSTOP');
  await until('it is stopped', () => readProcessStat(stopped.pid ?? 0)?.state === 'T');
  t.equal(locks.holders('a').find(({ pid }) => pid === stopped.pid)?.state, 'T');
  await locks.endHolders('a', 20_000);
  t.same(locks.holders('a'), []);
  t.ok(locks.tryAcquire('a', 'exclusive'));
  await Promise.all([ended(stopped), ended(running)]);
  t.equal(bystander.exitCode, null);
  t.match(locks.holders('b'), [{ pid: bystander.pid }]);
});

void t.test(
  'endHolders waits until the kernel has let go of the lock, also where nobody living holds it',
  async (t) => {
    const directory = temporaryDirectory(t);
    const locks = createFlockLocks(directory);
    const child = await holdElsewhere(t, directory, 'a', 'exclusive');
    child.stdin?.write('end');
    await until('its first thread has ended', () => readProcessStat(child.pid ?? 0)?.state === 'Z');
    t.same(locks.holders('a'), [], 'a process that ends');
    t.equal(locks.tryAcquire('a', 'shared'), null, 'has the lock as long as its last thread');
    await t.rejects(locks.endHolders('a', 0), { code: 'BUSY', message: /cannot be seen/ });
    const ending = locks.endHolders('a', 20_000);
    child.kill('SIGKILL');
    await ending;
    t.ok(locks.tryAcquire('a', 'exclusive'), 'and then it is free');
  },
);

void t.test('endHolders never ends ourselves', async (t) => {
  const locks = createFlockLocks(temporaryDirectory(t));
  await locks.endHolders('free', 0);
  const lock = locks.tryAcquire('a', 'exclusive');
  await t.rejects(locks.endHolders('a', 0), { code: 'BUSY', message: /this very process/ });
  lock?.release();
});

void t.test('a holder that cannot die is reported, not waited for', async (t) => {
  const locks = createFlockLocks(temporaryDirectory(t));
  const cgroup = makeCgroup(t);
  const lock = await locks.acquire('a', 'exclusive', 0);
  const child = await makeStuckWriter(t, cgroup, lock.fd);
  lock.release();
  const error = await locks.endHolders('a', 100).catch((reason: unknown) => reason);
  t.match(error, { code: 'BUSY', message: `pid ${String(child.pid)} (waiting for a disk` });
});

void t.test('forget deletes the file, and whoever comes next locks a new one', (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const old = locks.tryAcquire('a', 'exclusive');
  locks.forget('a');
  locks.forget('a');
  t.notOk(existsSync(join(directory, 'a.lock')));
  t.same(locks.holders('a'), []);
  const now = locks.tryAcquire('a', 'exclusive');
  t.ok(now);
  t.match(locks.holders('a'), [{ pid: process.pid }]);
  now?.release();
  old?.release();
  t.end();
});

void t.test('C18 a file that cannot be deleted makes no failure of what was done under its lock', (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  mkdirSync(join(directory, 'a.lock'));
  locks.forget('a');
  t.ok(existsSync(join(directory, 'a.lock')));
  t.throws(
    () => {
      locks.forget('../a');
    },
    { code: 'NAME_INVALID' },
  );
  t.end();
});

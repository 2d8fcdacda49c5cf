/** T4 What a driver has started under a volume's lock keeps that lock, also when whoever started it is killed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { AsyncResource } from 'node:async_hooks';
import { once } from 'node:events';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { handedDown, handingDown } from '#src/native/handed-down.js';
import { readProcessStat } from '#src/native/proc.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const NAME = 'volume-a';

/** Before anything else here has made a runner that keeps locks. */
void t.test('T4 what was begun before anybody would inherit is inherited all the same, and by all', async (t) => {
  await handingDown([101], async () => {
    t.same(handedDown(), [101]);
    await handingDown([102], async () => {
      createCommandRunner({ keepsLocks: true });
      t.same(new Set(handedDown()), new Set([101, 102]), 'neither action is forgotten');
      await handingDown([103], async () => Promise.resolve(t.same(new Set(handedDown()), new Set([101, 102, 103]))));
    });
    t.same(handedDown(), [101], 'what has ended is not handed down any more');
  });
  t.same(handedDown(), []);
  await handingDown([104], async () => {
    t.same(handedDown(), [104]);
    await Promise.resolve();
  });
});

/** A process that takes the lock and runs, under it, a program that does not end by itself. */
async function startHolder(t: Test, directory: string): Promise<ChildProcess> {
  const source = `
    import { createFlockLocks } from ${JSON.stringify(import.meta.resolve('#src/adapters/locks-flock/index.js'))};
    import { createCommandRunner } from ${JSON.stringify(import.meta.resolve('#src/adapters/command-runner/index.js'))};
    import { underLocks } from ${JSON.stringify(import.meta.resolve('#src/participant/fence.js'))};
    const lock = createFlockLocks(${JSON.stringify(directory)}).tryAcquire('${NAME}', 'exclusive');
    const runner = createCommandRunner({ keepsLocks: true });
    await underLocks([lock], () => runner.run('/usr/bin/sleep', ['1000']));`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' });
  t.teardown(() => holder.kill('SIGKILL'));
  const locks = createFlockLocks(directory);
  await until('the program runs', () => locks.holders(NAME).length === 2);
  // the program outlives its starter on purpose
  t.teardown(async () => locks.endHolders(NAME, 20_000));
  return holder;
}

void t.test('T4 a program outlives its killed starter with the lock, and is ended by whoever takes over', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const holder = await startHolder(t, directory);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  const [program, ...others] = locks.holders(NAME);
  t.match(program, { command: '/usr/bin/sleep 1000' });
  t.same(others, []);
  t.equal(locks.tryAcquire(NAME, 'exclusive'), null, 'nobody acts beside it');
  await locks.endHolders(NAME, 20_000);
  const ours = locks.tryAcquire(NAME, 'exclusive');
  t.ok(ours);
  ours?.release();
});

void t.test('T4 what a stopped process has started counts as stopped with it', async (t) => {
  const directory = temporaryDirectory(t);
  const locks = createFlockLocks(directory);
  const holder = await startHolder(t, directory);
  const states = (): readonly string[] => locks.holders(NAME).map(({ state }) => state);
  t.notOk(states().includes('T'), 'while it runs, neither is');
  holder.kill('SIGSTOP');
  await until('it is stopped', () => readProcessStat(holder.pid ?? 0)?.state === 'T');
  t.same(states(), ['T', 'T'], 'its program may wait for it for ever');
  await locks.endHolders(NAME, 20_000);
  const ours = locks.tryAcquire(NAME, 'exclusive');
  t.ok(ours);
  ours?.release();
});

void t.test('only an action’s own programs inherit, and only of runners that keep locks', async (t) => {
  const lock = await createFlockLocks(temporaryDirectory(t)).acquire(NAME, 'exclusive', 0);
  const link = `/proc/self/fd/3`;
  const isHeld = async (keepsLocks: boolean): Promise<boolean> => {
    const { stdout } = await createCommandRunner({ keepsLocks }).run('/usr/bin/readlink', [link]);
    return stdout.includes(`${NAME}.lock`);
  };
  t.notOk(await isHeld(true), 'nothing is handed down yet');
  let late: () => Promise<boolean> = async () => Promise.resolve(true);
  await handingDown([lock.fd], async () => {
    t.ok(await isHeld(true));
    t.notOk(await isHeld(false), 'a hook may leave a daemon behind');
    await handingDown([], async () => Promise.resolve(t.same(handedDown(), [lock.fd], 'inner actions add to it')));
    const afterwards = AsyncResource.bind(async () => isHeld(true));
    late = async () => afterwards();
  });
  t.notOk(await late(), 'what goes on after the action has nothing: the number may be another file’s');
  lock.release();
});

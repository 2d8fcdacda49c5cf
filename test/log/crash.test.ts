/** Processes that die at the store's effect boundaries, and what the next one finds. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { initEmbeddedLog } from '#src/daemon/embedded-log.js';
import { childCommand, freshDirectory, identity, run, withLog } from './support.js';

async function initialised(t: Test): Promise<string> {
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  return directory;
}

function acknowledged(stdout: string): readonly string[] {
  return stdout.split('\n').filter((line) => line.startsWith('chosen'));
}

t.test(
  'D4 single replica acknowledges only after the sync: killed right before it, the entry is neither told nor kept',
  async (t) => {
    const directory = await initialised(t);
    const died = await run(t, childCommand('append', directory, 'v', '9'), {
      SNAPCOMMIT_CRASH_AT: 'log.before-sync#5',
    });
    t.equal(died.signal, 'SIGKILL');
    t.equal(acknowledged(died.stdout).length, 4);
    await withLog(directory, async (log) => {
      t.equal((await log.read()).applied, 4);
    });
  },
);

t.test('D4 killed right after the sync, the entry is kept though nobody was told', async (t) => {
  const directory = await initialised(t);
  const died = await run(t, childCommand('append', directory, 'v', '9'), { SNAPCOMMIT_CRASH_AT: 'log.after-sync#5' });
  t.equal(died.signal, 'SIGKILL');
  t.equal(acknowledged(died.stdout).length, 4);
  await withLog(directory, async (log) => {
    t.equal((await log.read()).applied, 5);
    t.ok(Object.hasOwn((await log.read()).volumes, 'v5'));
    t.equal(await log.scrub(), 5);
  });
});

t.test('D4 D1 kill -9 at any moment loses nothing that was acknowledged', async (t) => {
  const directory = await initialised(t);
  let told = 0;
  for (const wanted of [1, 7, 70]) {
    const [file = '', ...args] = childCommand('append', directory, `r${String(wanted)}-`, '100000');
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    let lines = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith('chosen')) lines += 1;
      if (lines === wanted) child.kill('SIGKILL');
    }
    told += lines;
    await withLog(directory, async (log) => {
      const { applied, volumes } = await log.read();
      t.ok(applied >= told, `${String(told)} were told, ${String(applied)} are there`);
      t.equal(Object.keys(volumes).length, applied);
      told = applied;
      await log.scrub();
    });
  }
});

t.test('D3 a process that died used up its ballot', async (t) => {
  const directory = await initialised(t);
  await run(t, childCommand('append', directory, 'v', '3', 'die'));
  const { openStore } = await import('#src/adapters/store-sqlite/index.js');
  const rounds: number[] = [];
  for (const prefix of ['w', 'x']) {
    await run(t, childCommand('append', directory, prefix, '2', 'die'));
    const store = openStore(`${directory}/log.sqlite`);
    rounds.push(store.snapshot((view) => view.head.promised.round));
    store.close();
  }
  t.same(rounds, [2, 3]);
});

t.test('D5 the state and the archive are of one slot, whichever side of the sync the process dies on', async (t) => {
  // The commit is the fourth append.
  for (const [point, generations] of [
    ['log.before-sync#4', 0],
    ['log.after-sync#4', 1],
  ] as const) {
    const directory = await initialised(t);
    const died = await run(t, childCommand('generation', directory), { SNAPCOMMIT_CRASH_AT: point });
    t.equal(died.signal, 'SIGKILL');
    await withLog(directory, async (log) => {
      const { applied, groups } = await log.read();
      t.equal(applied, 3 + generations, point);
      t.equal(groups['app']?.newest, generations);
      t.equal((await log.generations('app')).length, generations);
      t.equal((await log.generation('app', 1))?.generation, generations === 0 ? undefined : 1);
    });
  }
});

t.test('a whole generation is archived, found again, and gone from nowhere', async (t) => {
  const directory = await initialised(t);
  const done = await run(t, childCommand('generation', directory));
  t.match(done.stdout, /"ok":true/);
  await withLog(directory, async (log) => {
    const record = await log.generation('app', 1);
    t.match(record, { group: 'app', generation: 1, slot: 4, manifest: { volumes: [{ volume: 'db', id: 'u1' }] } });
    t.equal(await log.generation('app', 2), undefined);
    t.equal(await log.generation('constructor', 1), undefined);
    t.same(await log.generations('app'), [record]);
  });
});

t.test('a crash around a checkpoint changes nothing that is read', async (t) => {
  const directory = await initialised(t);
  await run(t, childCommand('append', directory, 'v', '10'));
  for (const [point, slot] of [
    ['log.before-checkpoint', 0],
    ['log.after-checkpoint', 10],
  ] as const) {
    const died = await run(t, childCommand('checkpoint', directory), { SNAPCOMMIT_CRASH_AT: point });
    t.equal(died.signal, 'SIGKILL');
    await withLog(directory, async (log) => {
      t.equal((await log.status()).checkpointSlot, slot, point);
      t.equal(Object.keys((await log.read()).volumes).length, 10);
    });
  }
});

t.test('a read passes no crash point', async (t) => {
  const directory = await initialised(t);
  await run(t, childCommand('append', directory, 'v', '2'));
  for (const point of ['log.before-sync', 'log.after-sync', 'log.before-checkpoint', 'log.after-checkpoint']) {
    const read = await run(t, childCommand('read', directory), { SNAPCOMMIT_CRASH_AT: point });
    t.same([read.status, read.stdout], [0, '2 2\n'], point);
  }
});

t.test('an init that dies leaves nothing or a log, and can be repeated', async (t) => {
  const directory = freshDirectory(t);
  const before = await run(t, childCommand('init', directory), { SNAPCOMMIT_CRASH_AT: 'log.before-sync' });
  t.equal(before.signal, 'SIGKILL');
  t.match(await run(t, childCommand('read', directory)), { status: 1, stderr: /STATE_NOT_FOUND/ });
  const after = await run(t, childCommand('init', directory), { SNAPCOMMIT_CRASH_AT: 'log.after-sync' });
  t.equal(after.signal, 'SIGKILL');
  t.same((await run(t, childCommand('read', directory))).stdout, '0 0\n');
  t.match(await run(t, childCommand('init', directory)), { status: 1, stderr: /EXISTS/ });
});

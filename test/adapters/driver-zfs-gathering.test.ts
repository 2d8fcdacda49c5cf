/** What volumes ask of ZFS at the same time is one call, and each of them is told its own part. */
import t from 'tap';
import { setTimeout as sleep } from 'node:timers/promises';
import { createZfsCommands, type ZfsCommands } from '#src/adapters/driver-zfs/command.js';
import type { CommandResult } from '#src/ports/commands.js';

interface Said {
  readonly stdout?: string;
  readonly stderr?: string;
}

/** `zfs`, of which every call waits for its turn to end. */
function programs(answer: (words: readonly string[]) => Said | Promise<Said>): {
  readonly ran: string[];
  readonly commands: ZfsCommands;
} {
  const ran: string[] = [];
  const run = async (_file: string, args: readonly string[]): Promise<CommandResult> => {
    const words = args.filter((word) => /^[a-z]+(\/|$)/.test(word) && !['get', 'sync'].includes(word));
    ran.push(words.join(' '));
    const { stdout = '', stderr = '' } = await answer(words);
    return { status: stderr === '' ? 0 : 1, signal: null, stdout, stderr, timedOut: false };
  };
  return { ran, commands: createZfsCommands({ run }, async (program) => Promise.resolve(`/sbin/${program}`)) };
}

function lines(names: readonly string[]): string {
  return names.map((name) => `${name}\tguid\t1\t-\n`).join('');
}

const GONE = (name: string): string => `cannot open '${name}': dataset does not exist\n`;

void t.test('volumes of a pool share a call, and each is told of its own datasets only', async (t) => {
  const below = ['tank/a@app:1', 'tank/a/tree', 'tank/a/tree@x', 'tank/b@app:1', 'tank/ab'];
  const { ran, commands } = programs((words) => ({ stdout: lines([...words, ...below]) }));
  const told = await Promise.all([
    commands.describe(['tank/a', 'tank/c'], 'filesystem,snapshot'),
    commands.describe(['tank/b'], 'filesystem,snapshot'),
    commands.describe(['tank/b']),
  ]);
  t.same(
    told.map((datasets) => datasets.map(({ name }) => name)),
    [['tank/a', 'tank/c', 'tank/a@app:1', 'tank/a/tree'], ['tank/b', 'tank/b@app:1'], ['tank/b']],
  );
  t.same(ran, ['tank/a tank/c tank/b', 'tank/b'], 'another question is another call');
});

void t.test('T8 nobody is told by a call that had begun before', async (t) => {
  let guid = 1;
  const { ran, commands } = programs(async ([name]) => {
    const stdout = `${name ?? ''}\tguid\t${String(guid)}\t-\n`;
    await sleep(20);
    return { stdout };
  });
  const first = commands.describe(['tank/a']);
  while (ran.length === 0) await sleep(1);
  guid = 2;
  const second = commands.describe(['tank/a']);
  t.equal((await first)[0]?.properties.get('guid')?.value, '1');
  t.equal((await second)[0]?.properties.get('guid')?.value, '2');
});

void t.test('a pool that does not answer holds up nobody else’s volumes', async (t) => {
  let give: () => void = () => undefined;
  const lost = new Promise<void>((resolve) => {
    give = resolve;
  });
  const { commands } = programs(async (words) => {
    if (words.includes('lost/a')) await lost;
    return { stdout: lines(words) };
  });
  const held = commands.describe(['lost/a']);
  t.match(await Promise.race([commands.describe(['tank/a']), sleep(2_000)]), [{ name: 'tank/a' }]);
  give();
  await held;
});

void t.test('a failure is told to whom it concerns, and to nobody else', async (t) => {
  const { ran, commands } = programs((words) => ({
    stdout: lines(words.filter((word) => word === 'tank/a')),
    stderr: words.includes('tank/b') ? `${GONE('tank/c')}cannot open 'tank/b': permission denied\n` : '',
  }));
  const [a, b] = await Promise.allSettled([commands.describe(['tank/a']), commands.describe(['tank/b'])]);
  t.match(a, { status: 'fulfilled', value: [{ name: 'tank/a' }] });
  t.match(b, { status: 'rejected', reason: { name: 'ZfsFailure', reason: /permission denied/ } });
  t.same(ran, ['tank/a tank/b', 'tank/a', 'tank/b']);
});

void t.test('words that are nobody’s are not taken for an absence beside one', async (t) => {
  const { commands } = programs((words) => ({
    stderr: words.map((word) => (word === 'tank/a' ? GONE(word) : `cannot open '${word}': unheard of\n`)).join(''),
  }));
  const [a, b] = await Promise.allSettled([commands.describe(['tank/a']), commands.describe(['tank/b'])]);
  t.match(a, { status: 'fulfilled', value: [] });
  t.match(b, { status: 'rejected', reason: { reason: /unheard of/ } });
});

void t.test('what is not there is left out, without a second call', async (t) => {
  const { ran, commands } = programs(() => ({ stdout: lines(['tank/a']), stderr: GONE('tank/b') }));
  const [a, b] = await Promise.all([commands.describe(['tank/a']), commands.describe(['tank/b'])]);
  t.match([a.length, b.length, ran.length], [1, 0, 1]);
});

void t.test('a call takes as much as a command line may hold', async (t) => {
  const { ran, commands } = programs((words) => ({ stdout: lines(words) }));
  const names = Array.from({ length: 1_000 }, (_, index) => `tank/${'x'.repeat(90)}${String(index)}`);
  const told = await Promise.all(names.map(async (name) => commands.describe([name])));
  t.same(
    told.map(([found]) => found?.name),
    names,
  );
  t.equal(ran.length, 4);
  t.ok(ran.every((words) => words.length <= 32 * 1024));
});

void t.test('a pool is synced once for all who ask for it before that begins', async (t) => {
  const { ran, commands } = programs(() => ({}));
  const sync = async (pool: string): Promise<string> => commands.zpool(['sync', pool]);
  await Promise.all([sync('tank'), sync('tank'), sync('other')]);
  await sync('tank');
  t.same(ran, ['tank', 'other', 'tank']);
});

/** Running `zfs`, with a runner that only says what it would: arguments, failures and what they mean. */
import t from 'tap';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createZfsCommands, findProgram } from '#src/adapters/driver-zfs/command.js';
import { ZfsFailure } from '#src/adapters/driver-zfs/zfs-failure.js';
import { concerns, meaningOf, zfsError } from '#src/adapters/driver-zfs/failures.js';
import { whenLetGo } from '#src/adapters/driver-zfs/patience.js';
import { snapshotArguments } from '#src/adapters/driver-zfs/stage.js';
import { SnapcommitError } from '#src/errors.js';
import type { CommandResult, CommandRunner } from '#src/ports/commands.js';
import { temporaryDirectory } from '../support/temp.js';

const place = { name: 'db', source: '/srv/db', publishDirectory: '/srv/.snapcommit/db' };

function runner(result: Partial<CommandResult>, ran: string[] = []): CommandRunner {
  return {
    run: async (file, args) => {
      ran.push([file, ...args].join(' '));
      return Promise.resolve({ status: 0, signal: null, stdout: '', stderr: '', timedOut: false, ...result });
    },
  };
}

/** This machine's xargs, and `script` instead of OpenZFS. */
function findOr(script: string): typeof findProgram {
  return async (program) => (program === 'xargs' ? findProgram(program) : Promise.resolve(script));
}

const find = async (program: string): Promise<string> => Promise.resolve(`/sbin/${program}`);

void t.test('absolute paths and argument arrays', async (t) => {
  const ran: string[] = [];
  const commands = createZfsCommands(runner({ stdout: 'out' }, ran), find);
  t.equal(await commands.zfs(['get', 'guid', 'tank/a b']), 'out');
  t.equal(await commands.zpool(['sync', 'tank']), 'out');
  t.same(ran, ['/sbin/zfs get guid tank/a b', '/sbin/zpool sync tank']);
});

void t.test('a failure says what zfs said; attempt keeps what it printed', async (t) => {
  const commands = createZfsCommands(runner({ status: 1, stdout: 'some', stderr: 'dataset is busy\n' }), find);
  await t.rejects(commands.zfs(['destroy', 'tank/db']), { name: 'ZfsFailure', reason: 'dataset is busy' });
  t.match(await commands.attempt(['get']), { output: 'some', failure: { command: 'zfs get' } });
  const killed = createZfsCommands(runner({ status: null, signal: 'SIGKILL' }), find);
  await t.rejects(killed.zfs(['list']), { message: /SIGKILL/ });
});

void t.test('G11 a command that does not end is let be, and the error says so', async (t) => {
  const stuck: CommandRunner = {
    run: async (_file, _args, { letBe, timeoutMs } = {}) => {
      t.equal(timeoutMs, undefined, 'nothing ends it');
      return new Promise((resolve) => {
        letBe?.addEventListener('abort', () => {
          resolve({ status: null, signal: null, stdout: '', stderr: '', timedOut: true });
        });
      });
    },
  };
  const commands = createZfsCommands(stuck, find, 10);
  const said = {
    code: 'VOLUME_UNAVAILABLE',
    message: /`zfs destroy` has not ended.*zpool status -x.*snapcommit recover/,
  };
  await t.rejects(commands.zfs(['destroy', 'tank/db']), said);
  await t.rejects(commands.attempt(['destroy', 'tank/db']), said, 'which is nothing that zfs has said');
  const waiting = await commands.waiting(['destroy', 'tank/db']);
  await t.rejects(waiting.begin(), said);
});

void t.test('a command that waits runs when it is told to, once, or not at all', async (t) => {
  const file = join(temporaryDirectory(t), 'ran');
  const script = join(temporaryDirectory(t), 'zfs');
  writeFileSync(
    script,
    `#!/bin/sh\nprintf '%s|' "$@" >>${file}\n[ "$1" != fail ] || { echo no such pool >&2; exit 1; }\n`,
  );
  chmodSync(script, 0o755);
  const commands = createZfsCommands(createCommandRunner(), findOr(script));
  const [dropped, told] = [
    await commands.waiting(['dropped', 'it']),
    await commands.waiting(['snapshot', 'a b', '$HOME']),
  ];
  await dropped.drop();
  t.notOk(existsSync(file), 'nothing has run');
  await told.begin();
  await told.drop();
  t.equal(readFileSync(file, 'utf8'), 'snapshot|a b|$HOME|', 'its words reach it as they are');
  const failing = await commands.waiting(['fail', 'tank']);
  await t.rejects(failing.begin(), { name: 'ZfsFailure', reason: 'no such pool', command: 'zfs fail tank' });
});

void t.test('a command that waits takes the snapshots of thousands of datasets', async (t) => {
  const script = join(temporaryDirectory(t), 'zfs');
  writeFileSync(script, '#!/bin/sh\nfor last; do :; done\necho "$# $last"\n');
  chmodSync(script, 0o755);
  const commands = createZfsCommands(createCommandRunner(), findOr(script));
  const datasets = Array.from({ length: 5_000 }, (_, index) => `tank/data/volume-${String(index)}`);
  const words = snapshotArguments(datasets, `.staged~${'x'.repeat(100)}`);
  const waiting = await commands.waiting(words);
  t.equal(await waiting.begin(), `${String(words.length)} ${words.at(-1) ?? ''}\n`);
});

void t.test('what is busy is tried again, and nothing else is', async (t) => {
  const failing = (reason: string, times: number) => {
    let calls = 0;
    const act = async (): Promise<number> => {
      calls += 1;
      if (calls <= times) return Promise.reject(new ZfsFailure('zfs', ['destroy'], reason));
      return Promise.resolve(calls);
    };
    return { act, calls: () => calls };
  };
  const soon = failing("cannot destroy 'tank/db@a': dataset is busy", 2);
  t.equal(await whenLetGo(soon.act), 3);
  const never = failing('dataset is busy', Infinity);
  await t.rejects(whenLetGo(never.act, 100), { name: 'ZfsFailure', reason: 'dataset is busy' });
  t.ok(never.calls() > 1);
  const depended = failing('filesystem has dependent clones', Infinity);
  await t.rejects(whenLetGo(depended.act), { message: /dependent clones/ });
  t.equal(depended.calls(), 1);
});

void t.test('where ZFS is not installed it says how to get it', async (t) => {
  await t.rejects(findProgram('zfs', ['/nonexistent']), { code: 'DEPENDENCY_MISSING', message: /zfsutils-linux/ });
  const commands = createZfsCommands(runner({}), async (program) =>
    program === 'xargs' ? findProgram(program, ['/nonexistent']) : find(program),
  );
  await t.rejects(
    commands.waiting(['snapshot', 'tank/db@a']),
    { code: 'DEPENDENCY_MISSING', message: /xargs.*findutils/ },
    'so it does without xargs, before anybody stands still',
  );
});

void t.test('what the words of OpenZFS mean', (t) => {
  const said: readonly [string, string][] = [
    ["cannot open 'tank/x': dataset does not exist", 'absent'],
    ["cannot create snapshot 'tank/db@a': dataset already exists", 'exists'],
    ["cannot destroy 'tank/db': dataset is busy", 'busy'],
    ["cannot destroy 'tank/db@a': snapshot has dependent clones", 'busy'],
    ["cannot create snapshot 'tank/db@a': permission denied", 'denied'],
    ['cannot create snapshots : out of space', 'full'],
    ["cannot create 'tank/x': pool I/O is currently suspended", 'unavailable'],
    ['The ZFS modules are not loaded.\nTry running /sbin/modprobe zfs as root to load them.', 'missing'],
    ['The ZFS modules cannot be auto-loaded.', 'missing'],
    ['internal error: out of memory', 'other'],
    ["cannot open 'tank/.snapcommit/readonly-db': dataset does not exist", 'absent'],
    ["cannot destroy 'tank/suspended jobs@a': dataset is busy", 'busy'],
    ['cannot destroy snapshot tank/readonly@already-exists: dataset is busy', 'busy'],
    ["cannot mount '/srv/it's read-only': pool I/O is currently suspended", 'unavailable'],
    ["it's said of 'tank/a' that it is not found, and it isn't", 'absent'],
  ];
  for (const [reason, meaning] of said) t.equal(meaningOf(new ZfsFailure('zfs', ['x'], reason)), meaning, reason);
  t.equal(meaningOf(new Error('dataset is busy')), 'other', 'only what zfs said');
  t.end();
});

void t.test('G9 a call for many that fails and names none of them has failed for each', (t) => {
  const all = ['tank/a@x', 'tank/b@x'];
  const failed = (reason: string): ZfsFailure => new ZfsFailure('zfs', ['hold'], reason);
  const named = failed("cannot hold snapshot 'tank/b@x': permission denied");
  t.same(
    all.map((one) => concerns(named, one, all)),
    [false, true],
  );
  const unnamed = failed('cannot hold: pool must be upgraded');
  t.same(
    all.map((one) => concerns(unnamed, one, all)),
    [true, true],
    'none of them may pass for held',
  );
  t.end();
});

void t.test('an error names the volume, what was done, and what to do', (t) => {
  const failure = new ZfsFailure('zfs', ['snapshot'], 'cannot create snapshots : permission denied');
  const error = zfsError(place, 'make the snapshot', 'tank/db@a', failure, 'STAGE_FAILED');
  t.match(error, { code: 'DENIED', message: /volume db \(\/srv\/db\).*make the snapshot tank\/db@a.*zfs allow/ });
  t.match(zfsError(place, 'x', 'y', new Error('z'), 'STAGE_FAILED'), { code: 'STAGE_FAILED' });
  t.match(zfsError(place, 'x', 'y', Object.assign(new Error('z'), { code: 'ENOENT' })), { code: 'VOLUME_UNAVAILABLE' });
  const own = new SnapcommitError('BUSY', 'mine');
  t.equal(zfsError(place, 'x', 'y', own), own);
  t.end();
});

void t.test('one call snapshots all datasets, with the staged name in the same transaction group', (t) => {
  t.same(snapshotArguments(['tank/a', 'tank/b'], '.staged~c~app'), [
    'snapshot',
    '-o',
    'snapcommit:staged=.staged~c~app',
    'tank/a@.staged:-c:-app',
    'tank/b@.staged:-c:-app',
  ]);
  t.end();
});

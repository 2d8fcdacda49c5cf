/** Running programs: their environment, their ends, and ending all of them. */
import t from 'tap';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import type { CommandResult, CommandRunner } from '#src/ports/commands.js';
import { isRunning, readProcessStat } from '#src/native/proc.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

const runner = createCommandRunner();
const run: CommandRunner['run'] = (...args) => runner.run(...args);
const SH = '/bin/sh'; // a test's program; the product runs no shell

void t.test('a program gets its arguments as they are, and our environment does not leak in', async (t) => {
  process.env['SNAPCOMMIT_LEAK'] = 'x';
  t.match(await run('/usr/bin/printf', ['%s|', 'a b', '$HOME', '*']), {
    status: 0,
    signal: null,
    stdout: 'a b|$HOME|*|',
  });
  const { stdout } = await run('/usr/bin/env', [], { environment: { MINE: '1', PATH: '/evil', LC_ALL: 'xx' } });
  t.same(stdout.trim().split('\n').sort(), ['LC_ALL=C', 'MINE=1', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin']);
  t.match(await run('/usr/bin/pwd', []), { stdout: '/\n' });
});

void t.test('input is passed on; without it a program reads nothing', async (t) => {
  t.match(await run('/usr/bin/cat', [], { input: 'text' }), { status: 0, stdout: 'text' });
  t.match(await run('/usr/bin/cat', []), { status: 0, stdout: '' });
  t.match(await run('/usr/bin/true', [], { input: 'x'.repeat(1_000_000) }), { status: 0 }, 'input that nobody reads');
});

void t.test('a status and a signal are answers, not errors', async (t) => {
  t.match(await run(SH, ['-c', 'echo out; echo err >&2; exit 7']), { status: 7, stdout: 'out\n', stderr: 'err\n' });
  t.match(await run(SH, ['-c', 'kill -9 $$']), { status: null, signal: 'SIGKILL', timedOut: false });
});

void t.test('output that was not read to its end is no answer, whatever the program ended with', async (t) => {
  const printing = async (characters: number, to: 1 | 2): Promise<CommandResult> =>
    run(SH, ['-c', `yes 0123456789 | head -c ${String(characters)} >&${String(to)}; exit 0`]);
  const whole = await printing(100_000_000, 1);
  t.equal(whole.status, 0);
  t.equal(whole.stdout.length, 100_000_000);
  const { status, signal, stderr } = await printing(100_000_001, 1);
  t.strictSame({ status, signal }, { status: null, signal: 'SIGPIPE' });
  t.match(stderr, 'it printed more than 100000000 characters');
  const loud = await printing(100_000_001, 2);
  t.not(loud.status, 0);
  t.ok(loud.stderr.length < 5_000, 'what is told of it is short');
});

void t.test('what cannot be started is named', async (t) => {
  const directory = temporaryDirectory(t);
  const script = join(directory, 'script');
  writeFileSync(script, '#!/nonexistent/interpreter\n', { mode: 0o755 });
  const plain = join(directory, 'plain');
  writeFileSync(plain, 'x', { mode: 0o644 });
  await t.rejects(run('/nonexistent/tool', []), { code: 'DEPENDENCY_MISSING', message: '/nonexistent/tool' });
  await t.rejects(run(script, []), { code: 'DEPENDENCY_MISSING' });
  await t.rejects(run(plain, []), { code: 'DENIED' });
  await t.rejects(run('relative', []), { code: 'USAGE' });
});

/** Starts a child that ignores SIGTERM, writes its pid, and waits; the parent waits for it. */
const STUBBORN = 'trap "" TERM; (trap "" TERM; sleep 1000) & echo $! > "$1"; wait';

void t.test('the time limit ends the program with all of its children', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const result = await run(SH, ['-c', STUBBORN, 'sh', file], { timeoutMs: 300 });
  t.match(result, { status: null, signal: 'SIGKILL', timedOut: true });
  const pid = Number(readFileSync(file, 'utf8'));
  t.teardown(() => lives(pid) && process.kill(pid, 'SIGKILL'));
  await until('the grandchild is gone', () => !lives(pid));
  t.pass('gone');
});

void t.test('an abort ends them too', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const abort = new AbortController();
  const running = run(SH, ['-c', STUBBORN, 'sh', file], { signal: abort.signal });
  await until('it runs', () => existsSync(file) && readFileSync(file, 'utf8') !== '');
  abort.abort();
  t.match(await running, { status: null, timedOut: false });
  const pid = Number(readFileSync(file, 'utf8'));
  t.teardown(() => lives(pid) && process.kill(pid, 'SIGKILL'));
  await until('the grandchild is gone', () => !lives(pid));
  t.match(await run('/usr/bin/sleep', ['1000'], { signal: abort.signal }), { status: null }, 'aborted before');
});

void t.test('a daemon that keeps our pipe open is not waited for', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const script = 'setsid sleep 1000 & echo $! > "$1"; echo started';
  const result = await run(SH, ['-c', script, 'sh', file]);
  t.match(result, { status: 0, stdout: 'started\n' });
  const pid = Number(readFileSync(file, 'utf8'));
  t.teardown(() => lives(pid) && process.kill(pid, 'SIGKILL'));
  t.ok(lives(pid));
});

void t.test('input that comes in pieces is read as it comes', async (t) => {
  let say: (word: string) => void = () => undefined;
  const word = new Promise<string>((resolve) => {
    say = resolve;
  });
  const pieces = async function* () {
    yield 'one ';
    yield await word;
  };
  const running = run('/usr/bin/cat', [], { input: pieces() });
  say('two');
  t.match(await running, { status: 0, stdout: 'one two' });
});

void t.test('what is let be goes on by itself, and keeps nobody', async (t) => {
  const file = join(temporaryDirectory(t), 'pid');
  const source = `
    import { createCommandRunner } from ${JSON.stringify(import.meta.resolve('#src/adapters/command-runner/index.js'))};
    const giveUp = new AbortController();
    setTimeout(() => giveUp.abort(), 1);
    const args = ['-c', 'echo $$ > "$1"; exec sleep 1000', 'sh', ${JSON.stringify(file)}];
    const { status, timedOut } = await createCommandRunner().run(${JSON.stringify(SH)}, args, { letBe: giveUp.signal });
    console.log(status, timedOut);`;
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source]);
  t.equal(stdout, 'null true\n', 'and the process that has let it be ends');
  await until('it has begun', () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'));
  const pid = Number(readFileSync(file, 'utf8'));
  t.teardown(() => lives(pid) && process.kill(pid, 'SIGKILL'));
  t.ok(lives(pid), 'it was not ended');
  t.match(await run('/usr/bin/sleep', ['0.01'], { letBe: new AbortController().signal }), { timedOut: false });
});

function lives(pid: number): boolean {
  const stat = readProcessStat(pid);
  return stat !== null && isRunning(pid, stat.startTime);
}

/** The output of a program that has ended: all of it is read, and a daemon that it left is not waited for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { drainAfterExit } from '#src/adapters/command-runner/process-group.js';

/** Longer than output is waited for. */
const STANDSTILL_MS = 1_500;

void t.test('L6 what a program said is read also where its end was known first and we stood still then', async (t) => {
  const child = spawn('/bin/sh', ['-c', 'read word; echo all of $word'], { stdio: ['pipe', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const closed = once(child, 'close');
  drainAfterExit(child);
  // as when it is buried together with another one, whose end was told
  child.emit('exit', 0, null);
  child.stdin.write('it\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS);
  await closed;
  t.equal(said, 'all of it\n');
});

void t.test('a daemon that keeps the output open is not waited for', async (t) => {
  const script = 'sleep 600 & echo $!';
  const { stdout, status } = await createCommandRunner().run('/bin/sh', ['-c', script]);
  t.equal(status, 0);
  t.match(stdout, /^\d+\n$/);
  process.kill(Number(stdout), 'SIGKILL');
});

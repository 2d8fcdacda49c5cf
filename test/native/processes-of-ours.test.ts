/** Telling processes apart: identities that a reused pid cannot match, and signals by pidfd. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync } from 'node:fs';
import t from 'tap';
import { pidfdOpen, pidfdSendSignal } from '#src/native/pidfd.js';
import { readBootId, readCommand, readProcessStat } from '#src/native/proc.js';
import { currentProcess, isAlive } from '#src/participant/process-identity.js';

void t.test('this process lives; another start time, boot or pid is another process', (t) => {
  const identity = currentProcess('node-a');
  t.match(identity, { node: 'node-a', pid: process.pid, bootId: readBootId() });
  t.ok(isAlive(identity));
  t.notOk(isAlive({ ...identity, startTime: identity.startTime + 1 }));
  t.notOk(isAlive({ ...identity, bootId: 'another' }));
  t.notOk(isAlive({ ...identity, pid: 4_194_304 }));
  t.end();
});

void t.test('a stopped process lives, a dead one does not', async (t) => {
  // A name with a parenthesis and spaces must not shift the fields of /proc/PID/stat.
  const child = spawn('/bin/sh', ['-c', 'printf ") R 1" > /proc/self/comm; kill -STOP $$; sleep 1000'], {
    stdio: 'ignore',
  });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  const startTime = readProcessStat(pid)?.startTime ?? 0;
  const identity = { node: 'n', bootId: readBootId(), pid, startTime };
  t.ok(startTime > 0);
  t.ok(isAlive(identity));
  t.match(readCommand(pid), /sh|R 1/);
  const pidfd = pidfdOpen(pid);
  pidfdSendSignal(pidfd, 'SIGKILL');
  await once(child, 'exit');
  t.throws(
    () => {
      pidfdSendSignal(pidfd, 'SIGKILL');
    },
    { code: 'ESRCH' },
  );
  closeSync(pidfd);
  t.notOk(isAlive(identity));
  t.throws(() => pidfdOpen(pid), { code: 'ESRCH' });
});

/** The daemon's log where standard error does not take it. */
import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { logLines } from '#src/daemon/log-lines.js';
import { startCli } from '../support/run-cli.js';
import { TestCluster } from '../support/cluster.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

t.test('lines that do not go out are counted, and nothing is kept of them', (t) => {
  const fifo = join(temporaryDirectory(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const descriptor = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  t.teardown(() => {
    closeSync(descriptor);
  });
  const pipe = Buffer.alloc(1 << 20);
  const read = (): string => pipe.toString('utf8', 0, readSync(descriptor, pipe));
  const lines = logLines(descriptor);
  lines.write('first\n');
  t.equal(read(), 'first\n');
  lines.write(`${'x'.repeat(pipe.length)}\n`);
  lines.write('second\n');
  t.match(read(), /^x+$/, 'as much as there was room for');
  lines.write('third\n');
  t.equal(read(), '\n{"level":40,"lost":2,"msg":"lines of this log were lost"}\nthird\n');
  lines.write('fourth\n');
  t.equal(read(), 'fourth\n');
  t.end();
});

t.test('a member whose log has no room serves, and ends as it is told', async (t) => {
  const cluster = new TestCluster(t);
  const a = await cluster.found();
  await a.end();
  const daemon = startCli(['daemon'], {
    stateDirectory: a.stateDirectory,
    under: ['sh', '-c', 'exec "$@" 2> /dev/full', 'sh'],
  });
  t.teardown(() => daemon.child.kill('SIGKILL'));
  await until('it serves', async () => (await a.cli(['cluster', 'status'])).status === 0);
  daemon.child.kill('SIGTERM');
  t.equal((await daemon.done).status, 0);
});

/** Reading stdin and small files. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readUpTo } from '#src/cli/read-up-to.js';
import { temporaryDirectory } from '../support/temp.js';

t.test('what is read ends with the file, or is refused when it is longer', (t) => {
  const file = join(temporaryDirectory(t), 'file');
  writeFileSync(file, 'hello');
  for (const [most, text] of [
    [5, 'hello'],
    [4, null],
  ] as const) {
    const descriptor = openSync(file, 'r');
    t.equal(readUpTo(descriptor, most), text);
    closeSync(descriptor);
  }
  t.end();
});

t.test('a pipe that does not wait for what is still to come is waited for', async (t) => {
  const fifo = join(temporaryDirectory(t), 'fifo');
  execFileSync('mkfifo', [fifo]);
  const descriptor = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
  t.teardown(() => {
    closeSync(descriptor);
  });
  const writer = spawn('sh', [
    '-c',
    'exec 3> "$1"; echo open; sleep 0.2; printf hel >&3; sleep 0.2; printf lo >&3',
    'sh',
    fifo,
  ]);
  await once(writer.stdout, 'data');
  t.equal(readUpTo(descriptor, 100), 'hello');
});

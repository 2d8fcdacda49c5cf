/** Output that waits in a pipe while this process stands still is read, however long that takes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { drainAfterExit } from '#src/adapters/command-runner/process-group.js';
import { temporaryDirectory } from '../support/temp.js';

/** Longer than output is waited for after a program has ended. */
const STALL_MS = 700;

/** Holds up this whole process until the program is a zombie: it has written everything, and nobody has been told. */
function standStillUntilItEnds(pid: number | undefined): void {
  for (;;) {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'utf8');
    if (stat.slice(stat.lastIndexOf(')') + 2).startsWith('Z')) return;
  }
}

function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

t.test('L6 a process that stood still right after a program ended has all that it said', async (t) => {
  const flag = join(temporaryDirectory(t, 'drain'), 'flag');
  const late = spawn('/bin/sh', ['-c', `until [ -e ${flag} ]; do :; done; echo said`]);
  const early = spawn('/bin/sh', ['-c', 'echo first']);
  drainAfterExit(late);
  let said = '';
  late.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  // Both its words and its end are waiting when the next look at all pipes begins.
  standStillUntilItEnds(early.pid);
  early.stdout.once('data', () => {
    // In the middle of that look: the end of the late one is heard of with the other's, its words only in the next.
    writeFileSync(flag, '');
    standStillUntilItEnds(late.pid);
  });
  late.once('exit', () => {
    standStill(STALL_MS);
  });
  await once(late, 'close');
  t.equal(said, 'said\n');
});

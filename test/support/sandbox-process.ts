/**
 * A process that runs one command in a sandbox, as the CLI would, so that a test can read what the command printed,
 * send signals, and kill it:
 *   sandbox-process.js JOB        (JOB is a SandboxJob as JSON)
 * Its last act is one line of JSON on descriptor 3: a SandboxReport.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { createSandbox } from '#src/adapters/sandbox/index.js';
import { SnapcommitError } from '#src/errors.js';
import { tryFlock } from '#src/native/flock.js';
import type { SandboxRequest } from '#src/ports/sandbox.js';
import type { SandboxJob, SandboxReport } from './sandboxes.js';

const REPORT_FD = 3;

const job = JSON.parse(process.argv[2] ?? '{}') as SandboxJob;
const inheritedFds = job.lockFiles.map((file) => {
  const fd = openSync(file, 'r+');
  if (!tryFlock(fd, 'exclusive')) throw new Error(`${file} is locked already`);
  return fd;
});
const interruption = new AbortController();
process.on('SIGTERM', () => {
  interruption.abort();
});
// a child that is none of the command's, as the freezer's guard is; it ends with us
const bystander = spawn('/usr/bin/cat', { stdio: ['pipe', 'ignore', 'ignore'] });
await once(bystander, 'spawn');

const request: SandboxRequest = { ...job.request, inheritedFds, signal: interruption.signal };
let report: SandboxReport;
try {
  const result = await createSandbox(job.options).run(request);
  report = { result, error: null, bystanderLives: bystander.exitCode === null && bystander.signalCode === null };
} catch (error) {
  if (!(error instanceof SnapcommitError)) throw error;
  report = { result: null, error: { code: error.code, message: error.message }, bystanderLives: true };
}
bystander.kill('SIGKILL');
writeSync(REPORT_FD, `${JSON.stringify(report)}\n`);

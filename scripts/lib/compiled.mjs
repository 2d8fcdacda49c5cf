// Running a program of the tests' that people start by a script of their own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrapOrExit } from '../bootstrap.mjs';
import { root } from './files.mjs';

/** Makes the machine ready, then runs build/test/PATH with our arguments; its exit status is ours. */
export async function runCompiled(path) {
  bootstrapOrExit({ packages: 'required', tests: true });
  const program = join(root, 'build', 'test', ...path);
  const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
  // The program cleans up when it is told to stop; we wait for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  await new Promise((resolve) => {
    child.once('exit', (status, signal) => {
      process.exitCode = signal === null ? (status ?? 1) : 1;
      resolve();
    });
  });
}

// Running a program of the tests' that people start by a script of their own.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrapOrExit } from '../bootstrap.mjs';
import { root } from './files.mjs';
import { endWithNpm } from './starter.mjs';

/** Makes the machine ready, then runs build/test/PATH with our arguments; its exit status is ours. */
export async function runCompiled(path, args = process.argv.slice(2)) {
  bootstrapOrExit({ packages: 'required', tests: true });
  await supervise(join(root, 'build', 'test', ...path), args);
}

/**
 * Runs a program that takes away what it has made when it is told to end, or when the channel to us closes
 * (test/support/at-end.ts). It has a process group of its own: what a terminal tells all of ours it hears once, from us,
 * and nothing that it runs to clean up is ended by it.
 */
export async function supervise(program, args) {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  endWithNpm();
  await new Promise((resolve) => {
    child.once('exit', (status, signal) => {
      process.exitCode = signal === null ? (status ?? 1) : 1;
      resolve();
    });
  });
}

#!/usr/bin/env node
// `npm run soak [-- --minutes 10] [--seed N]`: real daemons in network namespaces under SIGKILL, SIGSTOP, partitions,
// clocks that are off and full disks; what concurrent clients saw is checked for linearizability. Needs root.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { bootstrapOrExit } from './bootstrap.mjs';
import { root } from './lib/files.mjs';

bootstrapOrExit({ packages: 'required', tests: true });
const program = join(root, 'build', 'test', 'cluster', 'soak-process.js');
const child = spawn(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit' });
child.once('exit', (status, signal) => {
  process.exitCode = signal === null ? (status ?? 1) : 1;
});

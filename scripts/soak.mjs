#!/usr/bin/env node
// `npm run soak [-- --minutes 10] [--seed N]`: real daemons in network namespaces under SIGKILL, SIGSTOP, partitions,
// clocks that are off and full disks; what concurrent clients saw is checked for linearizability. Needs root.
import { runCompiled } from './lib/compiled.mjs';

await runCompiled(['cluster', 'soak-process.js']);

#!/usr/bin/env node
// `npm run soak:hosts [-- --minutes 30] [--seed N]`: three nodes with btrfs volumes in network namespaces, commits on all of
// them, and SIGKILL, SIGSTOP and partitions; every half minute everything is looked at from outside. Needs root.
import { runCompiled } from './lib/compiled.mjs';

await runCompiled(['hosts', 'soak-hosts-process.js']);

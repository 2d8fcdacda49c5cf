#!/usr/bin/env node
// `npm run bench:hosts [-- PART…] [--rounds N]`: stalls and their growth (stall), how soon others finish what a dead
// coordinator left (decisions), a thousand volumes in memory (memory). Needs root; the first of these numbers are btrfs's own.
import { runCompiled } from './lib/compiled.mjs';

await runCompiled(['hosts', 'bench-hosts-process.js']);

#!/usr/bin/env node
// `npm run demo:cluster`: makes the machine ready, then tells the story of a log that three daemons keep, each in a network
// namespace of its own, over a real two-volume btrfs group. Needs root.
//
//   npm run demo:cluster            told as a story
//   npm run demo:cluster -- --json  one JSON document on stdout: every step, command and check
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';

let options;
try {
  options = parseArgs({ options: { json: { type: 'boolean' } } }).values;
} catch (error) {
  process.stderr.write(`demo: ${error.message}\nusage: npm run demo:cluster -- [--json]\n`);
  process.exit(2);
}
bootstrapOrExit({ packages: 'required' });
const { runClusterDemo } = await import('./demo/cluster-story.mjs');
process.exitCode = await runClusterDemo({ json: options.json === true });

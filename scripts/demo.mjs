#!/usr/bin/env node
// `npm run demo`: makes the machine ready, then tells the story of one group of volumes on real btrfs.
//
//   npm run demo                  two btrfs volumes in files on loop devices, a writer in its own cgroup (root)
//   npm run demo -- --directory   plain directories: no root, no btrfs, and a grade that says so
//   npm run demo -- --json        one JSON document on stdout: every step, command and check
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';

let options;
try {
  options = parseArgs({ options: { directory: { type: 'boolean' }, json: { type: 'boolean' } } }).values;
} catch (error) {
  process.stderr.write(`demo: ${error.message}\nusage: npm run demo -- [--directory] [--json]\n`);
  process.exit(2);
}
// The directory driver needs neither root nor Debian packages.
bootstrapOrExit({ packages: options.directory ? 'none' : 'required' });
const { runDemo } = await import('./demo/story.mjs');
process.exitCode = await runDemo({ directory: options.directory === true, json: options.json === true });

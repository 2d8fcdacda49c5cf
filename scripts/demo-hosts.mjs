#!/usr/bin/env node
// `npm run demo:hosts`: makes the machine ready, then tells the story of one application whose volumes lie on three machines,
// each in a network namespace of its own with btrfs volumes of its own. Needs root.
//
//   npm run demo:hosts            told as a story
//   npm run demo:hosts -- --json  one JSON document on stdout: every step, command and check
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';

let options;
try {
  options = parseArgs({ options: { json: { type: 'boolean' } } }).values;
} catch (error) {
  process.stderr.write(`demo: ${error.message}\nusage: npm run demo:hosts -- [--json]\n`);
  process.exit(2);
}
bootstrapOrExit({ packages: 'required' });
const { runHostsDemo } = await import('./demo/hosts-story.mjs');
process.exitCode = await runHostsDemo({ json: options.json === true });

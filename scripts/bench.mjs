#!/usr/bin/env node
// `npm run bench`: measures on real btrfs volumes in files on loop devices (root), and prints tables of medians and of
// ratios within this one run. What each number must be is said beside it; a missed goal makes the exit status 1.
//
//   npm run bench                    everything
//   npm run bench -- stall commands  only these parts (stall, commands, history)
//   npm run bench -- --rounds 31     more rounds (default 15)
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';

const PARTS = ['stall', 'commands', 'history'];
let parsed;
try {
  parsed = parseArgs({ allowPositionals: true, options: { rounds: { type: 'string', default: '15' } } });
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  process.exit(2);
}
const rounds = Number(parsed.values.rounds);
const unknown = parsed.positionals.filter((part) => !PARTS.includes(part));
if (unknown.length > 0 || !Number.isInteger(rounds) || rounds < 3) {
  process.stderr.write(`bench: parts are ${PARTS.join(', ')}; --rounds takes a whole number from 3\n`);
  process.exit(2);
}
bootstrapOrExit({ packages: 'required' });
const { Bench } = await import('./bench/bench.mjs');
const bench = new Bench(rounds);
try {
  for (const part of parsed.positionals.length > 0 ? parsed.positionals : PARTS) await bench[part]();
} finally {
  bench.clean();
}
process.exitCode = bench.report() ? 0 : 1;

#!/usr/bin/env node
// `npm run model`: explores the Promela models of scripts/model to the last state, with Debian's spin. A model must
// hold, and each planted bug must be found; a search that was cut short counts as a failure.
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { BootstrapError, ensurePackages } from './bootstrap.mjs';
import { root } from './lib/files.mjs';
import { run } from './lib/run.mjs';

const USAGE = `Usage: npm run model [-- [--only TEXT] [--memory MB]]
  --only TEXT   the searches whose line contains TEXT (race, PLANT, …)
  --memory MB   how much one search may use (default 4096)
`;
const PACKAGES = [
  { name: 'spin', command: 'spin' },
  { name: 'gcc', command: 'gcc' },
  { name: 'libc6-dev', header: 'stdio.h' },
];

const lost = { nobody: 0, A: 1, B: 2, C: 4, D: 8, 'B and D': 10, 'C and D': 12 };
const SEARCHES = [
  { model: 'race', name: 'two recoverers and a slow coordinator', flags: [] },
  { model: 'race', name: 'a commit applies under a stale epoch', flags: ['PLANT_STALE_COMMIT'] },
  { model: 'race', name: 'a take-over does not fence', flags: ['PLANT_NO_FENCE'] },
  { model: 'race', name: 'a tree is made writable without a look at the log', flags: ['PLANT_BLIND_REOPEN'] },
  ...Object.entries(lost).map(([who, set]) => ({
    model: 'stop-sign',
    name: `the new configuration gets to choose; lost: ${who}`,
    flags: [`LOST=${String(set)}`],
  })),
  ...['A', 'D'].map((who) => ({
    model: 'stop-sign',
    name: `no chosen command is lost; lost: ${who}, and who is removed`,
    flags: ['DURABLE', `LOST=${String(lost[who])}`],
  })),
  { model: 'stop-sign', name: 'T14 removed members are wiped at once', flags: ['LOST=1', 'PLANT_WIPE'] },
  {
    model: 'stop-sign',
    name: 'T14 no catch-up before the stop-sign',
    flags: ['DURABLE', 'LOST=1', 'PLANT_NO_CATCH_UP'],
  },
  { model: 'stop-sign', name: 'accepting goes on after the stop-sign', flags: ['LOST=0', 'PLANT_AFTER_STOP'] },
];

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    memory: { type: 'string', default: '4096' },
  },
});

if (values.help) process.stdout.write(USAGE);
else await main();

async function main() {
  try {
    ensurePackages(PACKAGES, true);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(`model: ${error.message}\n`);
    process.exitCode = 1;
    return;
  }
  const searches = SEARCHES.filter((search) => titleOf(search).includes(values.only));
  let failures = searches.length === 0 ? 1 : 0;
  let states = 0;
  for (const search of searches) {
    const result = await explore(search);
    states += result.states;
    if (!result.ok) failures += 1;
    const figures = `${result.states.toLocaleString('en')} states  ${result.seconds.toFixed(1)} s`;
    process.stdout.write(
      `${result.ok ? 'ok  ' : 'FAIL'}  ${titleOf(search).padEnd(78)} ${result.verdict.padEnd(9)} ${figures}\n`,
    );
    if (!result.ok) process.stdout.write(`${result.output.trimEnd()}\n`);
  }
  const count = `${String(searches.length)} searches, ${states.toLocaleString('en')} states`;
  process.stdout.write(`${count}, ${String(failures)} failed\n`);
  process.exitCode = failures === 0 ? 0 : 1;
}

function isPlant({ flags }) {
  return flags.some((flag) => flag.startsWith('PLANT_'));
}

function titleOf(search) {
  return `${search.model.padEnd(9)}  ${isPlant(search) ? 'planted: ' : ''}${search.name}`;
}

/** Generates, compiles and runs one verifier. */
async function explore(search) {
  const directory = mkdtempSync(join(tmpdir(), 'snapcommit-model-'));
  try {
    copyFileSync(join(root, 'scripts', 'model', `${search.model}.pml`), join(directory, 'model.pml'));
    const flags = search.flags.map((flag) => `-D${flag}`);
    const steps = [
      ['spin', [...flags, '-a', 'model.pml']],
      // Safety only: every execution of these models ends, so what must happen in the end is an assertion there.
      ['gcc', ['-w', '-O2', '-DSAFETY', '-DCOLLAPSE', `-DMEMLIM=${values.memory}`, '-o', 'pan', 'pan.c']],
      ['./pan', ['-m100000', '-w26']],
    ];
    let last = { output: '', seconds: 0 };
    for (const [command, args] of steps) {
      last = await run(command, args, { cwd: directory });
      if (last.status !== 0) return { ok: false, verdict: 'broken', states: 0, ...figuresOf(last) };
    }
    const verdict = verdictOf(last.output);
    return { ok: verdict === (isPlant(search) ? 'caught' : 'holds'), verdict, ...figuresOf(last) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function figuresOf({ output, seconds }) {
  return { output, seconds, states: Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0) };
}

function verdictOf(output) {
  if (/assertion violated/.test(output)) return 'caught';
  // An end in which something waits for ever is not what the plants are about.
  if (/invalid end state \(/.test(output)) return 'stuck';
  const whole = /errors: 0/.test(output) && !/not completed|search depth too small|out of memory/i.test(output);
  return whole ? 'holds' : 'cut short';
}

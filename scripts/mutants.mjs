#!/usr/bin/env node
// `npm run mutants`: plants each bug of test/mutants/*.json in a copy of the tree and shows that its test fails.
// A plant that no test catches (MISSED), or that cannot be planted, makes this fail.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';
import { writeTable } from './lib/plant-table.mjs';
import { copyTree, plantIn, readPlants, removeTree, sample, shard, testKey } from './lib/plants.mjs';
import { inParallel, run } from './lib/run.mjs';
import { judge } from './lib/tap.mjs';

const USAGE = `Usage: npm run mutants [-- [--only WHAT]… [--sample N [--seed S]] [--shard I/N] [--jobs N] [--timeout SECONDS] [--table | --write]]
  --only WHAT the plants of one failure (D4), of one area (log), or whose name contains WHAT; may be given again
  --sample N  N plants, picked by the seed, which is printed
  --shard I/N the I-th of N parts, plants of one test together
  --table     try nothing, and write what stands for each failure into test/mutants/README.md
  --write     put what was measured into test/mutants/README.md; what it says of other plants stays
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', multiple: true, default: [] },
    sample: { type: 'string' },
    seed: { type: 'string' },
    shard: { type: 'string' },
    table: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '300' },
    write: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(USAGE);
else if (values.table) writeTable(readPlants().plants, []);
else await main();

async function main() {
  bootstrapOrExit({ packages: 'wanted', tests: true });
  const ts = (await import('typescript')).default;
  const { plants: all, problems } = readPlants();
  for (const problem of problems) process.stdout.write(`FAIL  ${problem}\n`);
  const plants = choose(all);
  const copies = Array.from({ length: Math.max(1, Math.min(Number(values.jobs), plants.length)) }, copyTree);
  process.on('exit', () => copies.forEach(removeTree));

  const broken = await brokenTests(plants, copies);
  const rows = [];
  const tryOut = async (plant, worker) => {
    const row = broken.has(testKey(plant))
      ? { plant, verdict: 'UNSOUND', by: 'its test does not pass without the plant', seconds: 0 }
      : await tryPlant(plant, copies[worker], ts);
    rows.push(row);
    process.stdout.write(lineOf(row));
  };
  await inParallel(
    plants.filter((plant) => !isSerial(plant)),
    copies.length,
    tryOut,
  );
  await inParallel(plants.filter(isSerial), 1, tryOut);

  const bad = rows.filter(({ verdict }) => verdict !== 'caught').length + problems.length;
  if (values.write) writeTable(all, rows);
  process.stdout.write(`${String(rows.length - bad + problems.length)} caught, ${String(bad)} not\n`);
  process.exitCode = bad === 0 ? 0 : 1;
}

function isSerial(plant) {
  return plant.test.endsWith('.serial.test.js');
}

function choose(all) {
  const chosen = new Set(values.only.flatMap((what) => matching(all, what)));
  const wanted = values.only.length === 0 ? all : all.filter((plant) => chosen.has(plant));
  return shard(sampled(wanted), values.shard ?? '1/1');
}

/** Names are looked at only where it is neither an area nor an id: many of them hold "log" or "host". */
function matching(all, what) {
  const exact = all.filter(({ id, area }) => id === what || area === what || id.startsWith(`${what}-`));
  const found = exact.length > 0 ? exact : all.filter(({ name }) => name.includes(what));
  if (found.length === 0) process.stdout.write(`no plant matches ${what}\n`);
  return found;
}

function sampled(plants) {
  if (values.sample === undefined) return plants;
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  process.stdout.write(`sample of ${values.sample}, --seed ${String(seed)}\n`);
  return sample(plants, Number(values.sample), seed);
}

/** The tests that fail although nothing is planted: they would "catch" everything. */
async function brokenTests(plants, copies) {
  const broken = new Set();
  const distinct = [...new Map(plants.map((plant) => [testKey(plant), plant])).values()];
  const baseline = async (plant, worker) => {
    const { verdict } = await runTest(plant, copies[worker]);
    // A test that does not run here, or that the filter does not find, shows nothing.
    if (verdict.failed === 0 && verdict.passed > 0) return;
    broken.add(testKey(plant));
    process.stdout.write(
      `FAIL  ${plant.test} without a plant: ${[...verdict.problems, ...verdict.failures].join('; ') || 'runs no test'}\n`,
    );
  };
  await inParallel(
    distinct.filter((plant) => !isSerial(plant)),
    copies.length,
    baseline,
  );
  await inParallel(distinct.filter(isSerial), 1, baseline);
  return broken;
}

async function tryPlant(plant, copy, ts) {
  let takeOut;
  try {
    takeOut = plantIn(copy, plant, ts);
  } catch (error) {
    return { plant, verdict: 'UNSOUND', by: error.message, seconds: 0 };
  }
  try {
    const { result, verdict } = await runTest(plant, copy, plant.limitSeconds);
    const by = verdict.failures[0] ?? verdict.problems[0] ?? '';
    return { plant, verdict: judgePlant(result, verdict), by, seconds: result.seconds };
  } finally {
    takeOut();
  }
}

/** A plant is caught by a test that fails or never ends; one that keeps the file from loading at all shows nothing. */
function judgePlant(result, verdict) {
  if (verdict.failures.length > 0 || result.timedOut) return 'caught';
  return verdict.failed > 0 ? 'UNSOUND' : 'MISSED';
}

async function runTest(plant, copy, limitSeconds = Number(values.timeout)) {
  const timeoutMs = limitSeconds * 1000;
  const env = { ...process.env, TAP_TIMEOUT: String(limitSeconds) };
  if (plant.filter !== undefined) env.TAP_GREP = plant.filter;
  const result = await run(process.execPath, [join(copy, plant.test)], { cwd: copy, timeoutMs, env });
  return { result, verdict: judge(result, { allowSkips: true }) };
}

function lineOf({ plant, verdict, by, seconds }) {
  const time = `${seconds.toFixed(1)} s`.padStart(8);
  return `${verdict.padEnd(7)} ${plant.id.padEnd(6)} ${time}  ${plant.name}${by === '' ? '' : ` (${by})`}\n`;
}

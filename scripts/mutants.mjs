#!/usr/bin/env node
// `npm run mutants`: plants each bug of test/mutants/*.json in a copy of the tree and shows that its test fails.
// A plant that no test catches (MISSED), or that cannot be planted, makes this fail.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';
import { root } from './lib/files.mjs';
import { copyTree, plantIn, readPlants, removeTree, sample } from './lib/plants.mjs';
import { inParallel, run } from './lib/run.mjs';
import { judge } from './lib/tap.mjs';

const USAGE = `Usage: npm run mutants [-- [--only ID] [--sample N [--seed S]] [--jobs N] [--timeout SECONDS] [--write]]
  --only ID   the plants of one failure (D4), of one area (log), or whose name contains ID
  --sample N  N plants, picked by the seed, which is printed
  --write     put the measured table into test/mutants/README.md
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string' },
    sample: { type: 'string' },
    seed: { type: 'string' },
    timeout: { type: 'string', default: '300' },
    write: { type: 'boolean', default: false },
  },
});

if (values.help) process.stdout.write(USAGE);
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
  if (values.write) writeTable(rows.sort((a, b) => plants.indexOf(a.plant) - plants.indexOf(b.plant)));
  process.stdout.write(`${String(rows.length - bad + problems.length)} caught, ${String(bad)} not\n`);
  process.exitCode = bad === 0 ? 0 : 1;
}

function isSerial(plant) {
  return plant.test.endsWith('.serial.test.js');
}

/** Plants with the same key run the same tests. */
function testKey(plant) {
  return `${plant.test} ${plant.filter ?? ''}`;
}

function choose(all) {
  const { only } = values;
  const wanted =
    only === undefined
      ? all
      : all.filter(
          ({ id, area, name }) => id === only || area === only || id.startsWith(`${only}-`) || name.includes(only),
        );
  if (only !== undefined && wanted.length === 0) process.stdout.write(`no plant matches ${only}\n`);
  if (values.sample === undefined) return wanted;
  const seed = Number(values.seed ?? Date.now() % 1_000_000);
  process.stdout.write(`sample of ${values.sample}, --seed ${String(seed)}\n`);
  return sample(wanted, Number(values.sample), seed);
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
    const { result, verdict } = await runTest(plant, copy);
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

async function runTest(plant, copy) {
  const timeoutMs = Number(values.timeout) * 1000;
  const env = { ...process.env, TAP_TIMEOUT: values.timeout };
  if (plant.filter !== undefined) env.TAP_GREP = plant.filter;
  const result = await run(process.execPath, [join(copy, plant.test)], { cwd: copy, timeoutMs, env });
  return { result, verdict: judge(result, { allowSkips: true }) };
}

function lineOf({ plant, verdict, by, seconds }) {
  const time = `${seconds.toFixed(1)} s`.padStart(8);
  return `${verdict.padEnd(7)} ${plant.id.padEnd(6)} ${time}  ${plant.name}${by === '' ? '' : ` (${by})`}\n`;
}

function writeTable(rows) {
  const cell = (text) => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
  const lines = rows.map(
    ({ plant, verdict, by, seconds }) =>
      `| ${plant.id} | ${cell(plant.name)} | ${plant.file} | ${verdict} | ${cell(by)} | ${seconds.toFixed(1)} |`,
  );
  const text = [
    '# Planted bugs',
    '',
    'Each plant is a bug that the named failure speaks of, put into a copy of the tree; its test must then fail.',
    'Written by `npm run mutants -- --write`; the plants stand in the JSON files beside this one.',
    '',
    '| failure | planted bug | in | result | the test that failed | seconds |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
    '',
  ].join('\n');
  writeFileSync(join(root, 'test', 'mutants', 'README.md'), text);
}

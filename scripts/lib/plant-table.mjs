// test/mutants/README.md: which tests and plants stand for each failure, and what became of each plant when it was last tried.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FAILURES } from './failures.mjs';
import { root } from './files.mjs';
import { coverage, gapsOf } from './plant-coverage.mjs';
import { readPlants } from './plants.mjs';

const README = join(root, 'test', 'mutants', 'README.md');
const MEASURED = '## What became of each';

/**
 * @typedef {{ verdict: string, by: string, seconds: string }} Measured
 * @typedef {import('./plants.mjs').Plant} Plant
 */

/**
 * Puts what was measured into the table. Plants that were not tried keep what is said of them; those that are gone lose it.
 * @param {Plant[]} plants all of them
 * @param {{ plant: Plant, verdict: string, by: string, seconds: number }[]} rows
 */
export function writeTable(plants, rows) {
  const measured = readMeasured(textOfReadme());
  for (const { plant, verdict, by, seconds } of rows) {
    measured.set(keyOf(plant), { verdict, by, seconds: seconds.toFixed(1) });
  }
  writeFileSync(README, [...overview(plants), ...measuredTable(plants, measured), ''].join('\n'));
}

/**
 * What is wrong with the plants, without planting any: search texts that are stale, failures without a test or a plant, and a
 * table that says something else. @returns {string[]}
 */
export function problemsOfPlants() {
  const { plants, problems } = readPlants();
  const gaps = gapsOf(coverage(plants));
  const isStale = !textOfReadme().startsWith(`${overview(plants).join('\n')}\n`);
  const stale = 'test/mutants/README.md is not what the tests and plants say: run `npm run mutants -- --table`';
  return [...problems, ...gaps, ...(isStale && problems.length === 0 ? [stale] : [])];
}

function textOfReadme() {
  return existsSync(README) ? readFileSync(README, 'utf8') : '';
}

/** All but what was measured. */
function overview(plants) {
  const lines = coverage(plants).map((covered) => {
    const tests = covered.tests.map(({ file, name }) => `${file}: ${cell(name)}`);
    const planted = covered.plants.map(({ area, name }) => `${area}: ${cell(name)}`);
    return `| ${covered.id} | ${FAILURES[covered.id]} | ${tests.join('<br>')} | ${planted.join('<br>')} |`;
  });
  return [
    '# Planted bugs',
    '',
    'Each plant is a bug, put into a copy of the tree; its test must then fail. They stand in the JSON files beside this one.',
    'This file is written: the first table from the sources (`npm run mutants -- --table`; `npm run check` compares it), the',
    'second one from trying them (`npm run mutants -- --write`, with `--only` or `--shard` for some of them).',
    '',
    '## What stands for each failure',
    '',
    '| failure | what goes wrong | tests that are named for it | planted bugs |',
    '| --- | --- | --- | --- |',
    ...lines,
    '',
    MEASURED,
    '',
  ];
}

function measuredTable(plants, measured) {
  const lines = plants.map((plant) => {
    const { verdict, by, seconds } = measured.get(keyOf(plant)) ?? { verdict: 'not tried', by: '', seconds: '' };
    return `| ${keyOf(plant)} | ${verdict} | ${cell(by)} | ${seconds} |`;
  });
  return [
    '| failure | planted bug | in | result | the test that failed | seconds |',
    '| --- | --- | --- | --- | --- | --- |',
    ...lines,
  ];
}

/** What a written table says. @returns {Map<string, Measured>} */
function readMeasured(text) {
  const measured = new Map();
  for (const line of text.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((one) => one.trim());
    if (cells.length !== 8 || !/^[\d.]+$/.test(cells[6])) continue;
    const [, id, name, file, verdict, by, seconds] = cells;
    measured.set([id, name, file].join(' | '), { verdict, by: by.replaceAll('\\|', '|'), seconds });
  }
  return measured;
}

/** @param {Plant} plant */
function keyOf(plant) {
  return [plant.id, cell(plant.name), plant.file].join(' | ');
}

function cell(text) {
  return text.replaceAll('|', '\\|').replaceAll(/\s*\n\s*/g, ' ');
}

// The table in test/mutants/README.md: what became of each plant when it was last tried.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './files.mjs';

const README = join(root, 'test', 'mutants', 'README.md');
const HEAD = [
  '| failure | planted bug | in | result | the test that failed | seconds |',
  '| --- | --- | --- | --- | --- | --- |',
];

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
  const measured = readMeasured(existsSync(README) ? readFileSync(README, 'utf8') : '');
  for (const { plant, verdict, by, seconds } of rows) {
    measured.set(keyOf(plant), { verdict, by, seconds: seconds.toFixed(1) });
  }
  writeFileSync(README, textOf(plants, measured));
}

/** What a written table says. @returns {Map<string, Measured>} */
function readMeasured(text) {
  const measured = new Map();
  for (const line of text.split('\n')) {
    const cells = line.split(/(?<!\\)\|/).map((cell) => cell.trim());
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
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function textOf(plants, measured) {
  const lines = plants.map((plant) => {
    const { verdict, by, seconds } = measured.get(keyOf(plant)) ?? { verdict: 'not tried', by: '', seconds: '' };
    return `| ${keyOf(plant)} | ${verdict} | ${cell(by)} | ${seconds} |`;
  });
  return [
    '# Planted bugs',
    '',
    'Each plant is a bug that the named failure speaks of, put into a copy of the tree; its test must then fail.',
    'Written by `npm run mutants -- --write`; the plants stand in the JSON files beside this one.',
    '',
    ...HEAD,
    ...lines,
    '',
  ].join('\n');
}

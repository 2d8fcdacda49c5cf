// Planted bugs: reading test/mutants/*.json, and putting one plant into a copy of the tree.
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { filesBelow, root } from './files.mjs';

/**
 * @typedef {{ id: string, name: string, file: string, search: string, replace: string, test: string, filter?: string,
 *   limitSeconds?: number, area: string }} Plant `file` below src, `test` below build/test; `filter` picks tests of that file
 *   by a regular expression on their names; `limitSeconds`: of a bug that makes its test hang, when that is known
 */

const FIELDS = ['id', 'name', 'file', 'search', 'replace', 'test'];

/** All plants, with what is wrong with them. @returns {{ plants: Plant[], problems: string[] }} */
export function readPlants(directory = join(root, 'test', 'mutants')) {
  const plants = [];
  const problems = [];
  for (const file of filesBelow(directory, (path) => path.endsWith('.json'))) {
    const area = basename(file, '.json');
    for (const plant of JSON.parse(readFileSync(file, 'utf8'))) {
      const wrong = whatIsWrong(plant);
      if (wrong === null) plants.push({ ...plant, area });
      else problems.push(`${area}: ${String(plant.id)} ${String(plant.name)}: ${wrong}`);
    }
  }
  return { plants, problems };
}

function whatIsWrong(plant) {
  const missing = FIELDS.filter((field) => typeof plant[field] !== 'string');
  if (missing.length > 0) return `lacks ${missing.join(', ')}`;
  if (!/^src\/.+\.ts$/.test(plant.file)) return `${plant.file} is no source under src`;
  if (!/^build\/test\/.+\.test\.js$/.test(plant.test)) return `${plant.test} is no compiled test under build/test`;
  const test = plant.test.replace(/^build\/(.+)\.js$/, '$1.ts');
  if (!existsSync(join(root, test))) return `its test ${test} does not exist`;
  if (!existsSync(join(root, plant.file))) return `${plant.file} does not exist`;
  const times = readFileSync(join(root, plant.file), 'utf8').split(plant.search).length - 1;
  if (times !== 1) return `its search text occurs ${String(times)} times in ${plant.file}`;
  if (plant.search === plant.replace) return 'it changes nothing';
  return null;
}

/**
 * Copies what a test run needs into a new directory outside the checkout; not the bundle, in which no plant would show.
 * @returns {string}
 */
export function copyTree() {
  const copy = mkdtempSync(join(tmpdir(), 'snapcommit-mutants-'));
  // Some tests run programs of the tree as an ordinary user.
  chmodSync(copy, 0o755);
  for (const name of [
    'src',
    'test',
    'dist',
    'build/test',
    'bin',
    'scripts',
    'package.json',
    'tsconfig.json',
    'tsconfig.base.json',
  ]) {
    if (!existsSync(join(root, name))) continue;
    mkdirSync(dirname(join(copy, name)), { recursive: true });
    cpSync(join(root, name), join(copy, name), {
      recursive: true,
      filter: (path) => path !== join(root, 'dist', 'bundle'),
    });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

export function removeTree(copy) {
  rmSync(copy, { recursive: true, force: true });
}

/**
 * Plants one bug in a copy, in the source and in what it compiles to; returns how to take it out again.
 * @param {string} copy @param {Plant} plant @param {typeof import('typescript')} ts
 */
export function plantIn(copy, plant, ts) {
  const sourceFile = join(copy, plant.file);
  const outputFile = join(copy, plant.file.replace(/^src\//, 'dist/').replace(/\.ts$/, '.js'));
  const source = readFileSync(sourceFile, 'utf8');
  const output = readFileSync(outputFile, 'utf8');
  // Not String.replace: a `$` in the replacement would be read as a pattern.
  const mutated = source.split(plant.search).join(plant.replace);
  const compiled = compile(ts, mutated, plant);
  writeFileSync(sourceFile, mutated);
  writeFileSync(outputFile, compiled);
  return () => {
    writeFileSync(sourceFile, source);
    writeFileSync(outputFile, output);
  };
}

function compile(ts, text, plant) {
  const { outputText, diagnostics = [] } = ts.transpileModule(text, {
    fileName: plant.file,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  });
  if (diagnostics.length === 0) return outputText;
  const messages = diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  throw new Error(`the plant ${plant.id} (${plant.name}) does not compile: ${messages.join('; ')}`);
}

/** Plants with the same key run the same tests. @param {Plant} plant */
export function testKey(plant) {
  return `${plant.test} ${plant.filter ?? ''}`;
}

/**
 * One of several parts that together are all: `2/5` is the second of five. Plants of one test stand together, since each
 * part first runs its tests without a plant.
 * @param {Plant[]} plants @param {string} part
 */
export function shard(plants, part) {
  const [index, count] = part.split('/').map(Number);
  if (!(index >= 1 && index <= count)) throw new Error(`--shard takes I/N with 1 <= I <= N, not ${part}`);
  const ordered = [...new Set(plants.map(testKey))].flatMap((key) => plants.filter((plant) => testKey(plant) === key));
  const from = (number) => Math.round((ordered.length * number) / count);
  return ordered.slice(from(index - 1), from(index));
}

/** A seeded sample, in the given order: the same seed picks the same. */
export function sample(items, count, seed) {
  const random = mulberry32(seed);
  return items
    .map((item, index) => ({ item, index, key: random() }))
    .sort((a, b) => a.key - b.key)
    .slice(0, count)
    .sort((a, b) => a.index - b.index)
    .map(({ item }) => item);
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

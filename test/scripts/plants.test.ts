/** What `npm run check` finds wrong with planted bugs, without planting any. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { temporaryDirectory } from '../support/temp.js';

const CHECKOUT = join(import.meta.dirname, '..', '..', '..');
const FILE = 'src/log/store-life.ts';
const SOUND = {
  id: 'D9',
  name: 'sound',
  file: FILE,
  search: 'export function judgeLife(',
  replace: 'export function judgeNothing(',
  test: 'build/test/log/greetings.test.js',
};

function ask(script: string, ...args: readonly string[]): unknown {
  const words = ['--input-type=module', '-e', script, ...args];
  return JSON.parse(execFileSync(process.execPath, words, { cwd: CHECKOUT, encoding: 'utf8' }));
}

t.test('a plant that can be planted no more is named, with what is wrong with it', async (t) => {
  const directory = temporaryDirectory(t, 'plants');
  const plants = [
    SOUND,
    { ...SOUND, name: 'stale', search: 'what stood here once' },
    { ...SOUND, name: 'anywhere', search: 'return' },
    { ...SOUND, name: 'unshown', test: 'build/test/log/gone.test.js' },
    { ...SOUND, name: 'moved', file: 'src/log/gone.ts' },
    { ...SOUND, name: 'idle', replace: SOUND.search },
  ];
  writeFileSync(join(directory, 'area.json'), JSON.stringify(plants));
  const script = `
    import { readPlants } from './scripts/lib/plants.mjs';
    console.log(JSON.stringify(readPlants(process.argv[1])));`;
  const found = ask(script, directory) as {
    plants: readonly { name: string }[];
    problems: readonly string[];
  };
  t.same(
    found.plants.map(({ name }) => name),
    ['sound'],
  );
  t.match(found.problems, [
    `area: D9 stale: its search text occurs 0 times in ${FILE}`,
    /^area: D9 anywhere: its search text occurs \d+ times/,
    'area: D9 unshown: its test test/log/gone.test.ts does not exist',
    'area: D9 moved: src/log/gone.ts does not exist',
    'area: D9 idle: it changes nothing',
  ]);
});

t.test('a failure without a plant is named, and tests and plants are found by its id', async (t) => {
  const script = `
    import { coverage, gapsOf } from './scripts/lib/plant-coverage.mjs';
    const covered = coverage(JSON.parse(process.argv[1]));
    console.log(JSON.stringify({ covered, gaps: gapsOf(covered) }));`;
  const plants = [
    { ...SOUND, area: 'log' },
    { ...SOUND, id: 'D7-of-a-driver', area: 'driver' },
  ];
  const { covered, gaps } = ask(script, JSON.stringify(plants)) as {
    covered: readonly { id: string; tests: readonly { name: string }[]; plants: readonly unknown[] }[];
    gaps: readonly string[];
  };
  const planted = covered.filter((one) => one.plants.length > 0).map(({ id }) => id);
  t.same(planted, ['D7', 'D9']);
  t.ok(
    covered.find(({ id }) => id === 'D9')?.tests.every(({ name }) => /^([A-Z]\d+ )*D9 /.test(name)),
    'tests are found by what their names begin with',
  );
  t.equal(gaps.length, covered.length - 2);
  t.match(gaps[0], /^D1 \(.+\): no bug of it is planted/);
});

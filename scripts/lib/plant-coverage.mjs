// Which tests and which planted bugs stand for each failure: read from the sources, so that the table cannot go stale.
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { FAILURES } from './failures.mjs';
import { filesBelow, root } from './files.mjs';

/** @typedef {import('./plants.mjs').Plant} Plant */
/** @typedef {{ id: string, tests: readonly { file: string, name: string }[], plants: readonly Plant[] }} Covered */

/** A test and its name, in whichever quotes; a name that is worked out shows as it stands in the source. */
const TEST = /\btest\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/gs;
/** What a name begins with: the ids of the failures that the test guards. */
const IDS = /^(?:[A-Z]\d+\s+)+/;

/** @param {Plant[]} plants @returns {Covered[]} */
export function coverage(plants) {
  const tests = namedTests();
  return Object.keys(FAILURES).map((id) => ({
    id,
    tests: tests.filter(({ ids }) => ids.includes(id)),
    plants: plants.filter((plant) => plant.id === id || plant.id.startsWith(`${id}-`)),
  }));
}

/** What the failures lack. @param {Covered[]} covered @returns {string[]} */
export function gapsOf(covered) {
  return covered.flatMap(({ id, tests, plants }) => [
    ...(tests.length === 0 ? [`${id} (${FAILURES[id]}): no test has a name that begins with it`] : []),
    ...(plants.length === 0 ? [`${id} (${FAILURES[id]}): no bug of it is planted in test/mutants`] : []),
  ]);
}

/** Also those of the contracts, which several files run. */
function namedTests() {
  const directory = join(root, 'test');
  return filesBelow(directory, (path) => path.endsWith('.ts')).flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(TEST)].flatMap(([, , name]) => {
      const ids = IDS.exec(name)?.[0].trim().split(/\s+/) ?? [];
      return ids.length === 0 ? [] : [{ ids, name, file: relative(directory, file).replace(/(\.test)?\.ts$/, '') }];
    }),
  );
}

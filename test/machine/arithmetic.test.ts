/** Runs, names, keys, paths: the small pure parts. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { SnapcommitError } from '#src/errors.js';
import { generationKey, parseGenerationKey } from '#src/machine/keys.js';
import { isName, isToken, requireName } from '#src/machine/names.js';
import { isPlainPath, overlaps } from '#src/machine/paths.js';
import { lookup, mapRecord, withKey, withoutKey } from '#src/machine/record.js';
import {
  countRuns,
  expandRuns,
  hasNumber,
  intersectRuns,
  lastOfRuns,
  runsOf,
  subtractRuns,
  unionRuns,
} from '#src/machine/runs.js';
import { seed } from './support/random.js';

const numbers = fc.array(fc.integer({ min: 1, max: 30 }), { maxLength: 25 });

function sorted(values: Iterable<number>): readonly number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}

function isCanonical(runs: ReturnType<typeof runsOf>): boolean {
  return runs.every(([first, last], i) => first <= last && first > (runs[i - 1]?.[1] ?? -1) + 1);
}

function same(runs: ReturnType<typeof runsOf>, expected: readonly number[]): boolean {
  return isCanonical(runs) && JSON.stringify(expandRuns(runs)) === JSON.stringify(expected);
}

function check(t: Test, property: fc.IPropertyWithHooks<[readonly number[], readonly number[]]>): void {
  t.comment(`SEED=${String(seed)}`);
  t.doesNotThrow(() => {
    fc.assert(property, { seed, numRuns: 500 });
  });
  t.end();
}

void t.test('runs behave as the sets that they stand for', (t) => {
  check(
    t,
    fc.property(numbers, numbers, (a, b) => {
      const [runsA, runsB] = [runsOf(a), runsOf(b)];
      return (
        same(runsA, sorted(a)) &&
        same(unionRuns(runsA, runsB), sorted([...a, ...b])) &&
        same(subtractRuns(runsA, runsB), sorted(a.filter((n) => !b.includes(n)))) &&
        same(intersectRuns(runsA, runsB), sorted(a.filter((n) => b.includes(n)))) &&
        countRuns(runsA) === new Set(a).size &&
        lastOfRuns(runsA) === Math.max(0, ...a) &&
        b.every((n) => hasNumber(runsA, n) === a.includes(n))
      );
    }),
  );
});

void t.test('names: what the law allows and what it does not', (t) => {
  for (const name of ['a', 'Z9', '0', 'a.b_c-d', '7', 'constructor', 'x'.repeat(64)]) t.ok(isName(name), name);
  const bad = ['', '.', '..', '.a', '-a', '_a', 'a/b', 'a b', 'a\n', '\na', 'a@1', 'a~', 'ä', 'a\0', 'x'.repeat(65)];
  for (const name of bad) t.notOk(isName(name), JSON.stringify(name));
  t.equal(requireName('group', 'app'), 'app');
  t.throws(() => requireName('group', '../x'), { code: 'NAME_INVALID', details: { kind: 'group', name: '../x' } });
  t.throws(() => requireName('group', ''), SnapcommitError);
  for (const token of ['a', 'a/b:c', '01hq3c', 'x'.repeat(128)]) t.ok(isToken(token), token);
  for (const token of ['', ' ', 'a b', 'ü', '__proto__', 'x'.repeat(129), 'a\n']) t.notOk(isToken(token), token);
  t.end();
});

void t.test('generation keys are read back as they were written, and nothing else is', (t) => {
  t.equal(generationKey('app', 12), 'app@12');
  t.same(parseGenerationKey('app@12'), { group: 'app', generation: 12 });
  const bad = [
    'app',
    'app@',
    '@1',
    'app@0',
    'app@01',
    'app@-1',
    'app@1.5',
    'app@1e3',
    'app@1@2',
    '.a@1',
    'app@ 1',
    'app@9007199254740993',
  ];
  for (const text of bad) t.equal(parseGenerationKey(text), null, text);
  t.end();
});

void t.test('T10 paths overlap by whole components', (t) => {
  for (const [a, b] of [
    ['/a', '/a'],
    ['/a', '/a/b'],
    ['/a/b/c', '/a'],
    ['/', '/a'],
    ['/', '/'],
  ] as const) {
    t.ok(overlaps(a, b), `${a} ${b}`);
  }
  for (const [a, b] of [
    ['/a', '/ab'],
    ['/a/b', '/a/c'],
    ['/ab', '/a'],
  ] as const)
    t.notOk(overlaps(a, b), `${a} ${b}`);
  for (const path of ['/', '/a', '/a/b.c', '/a/...']) t.ok(isPlainPath(path), path);
  for (const path of ['', 'a', '/a/', '//a', '/a//b', '/a/../b', '/.', '/a\0']) t.notOk(isPlainPath(path), path);
  t.end();
});

void t.test('P10 records never answer with what objects inherit', (t) => {
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) t.equal(lookup({}, name), undefined);
  const record = withKey(withKey<number>({}, 'constructor', 1), 'b', 2);
  t.equal(lookup(record, 'constructor'), 1);
  t.same(withoutKey(record, 'constructor'), { b: 2 });
  t.equal(withoutKey(record, 'toString'), record);
  t.same(
    mapRecord(record, (value, key) => (key === 'b' ? value + 1 : undefined)),
    { b: 3 },
  );
  t.end();
});

/**
 * Arithmetic on runs: a set of generation numbers as ascending, inclusive runs that neither touch nor overlap. PURE.
 *
 * Every function takes runs of that form and answers runs of that form (M3).
 */
import type { Run } from './state.js';

export type Runs = readonly Run[];

/** Numbers in any order, repeats allowed. */
export function runsOf(numbers: readonly number[]): Runs {
  return merge(numbers.map((n): Run => [n, n]));
}

export function hasNumber(runs: Runs, n: number): boolean {
  return runs.some(([first, last]) => first <= n && n <= last);
}

export function unionRuns(a: Runs, b: Runs): Runs {
  return merge([...a, ...b]);
}

/** What is in `a` and not in `b`. */
export function subtractRuns(a: Runs, b: Runs): Runs {
  return a.flatMap((run) => subtractFrom(run, b));
}

/** What is in both. */
export function intersectRuns(a: Runs, b: Runs): Runs {
  return subtractRuns(a, subtractRuns(a, b));
}

export function countRuns(runs: Runs): number {
  return runs.reduce((count, [first, last]) => count + last - first + 1, 0);
}

/** The greatest number, 0 for none. */
export function lastOfRuns(runs: Runs): number {
  return runs.at(-1)?.[1] ?? 0;
}

/** Every number, ascending. */
export function expandRuns(runs: Runs): readonly number[] {
  return runs.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));
}

function merge(runs: Runs): Runs {
  const merged: [number, number][] = [];
  for (const [first, last] of runs.toSorted((a, b) => a[0] - b[0])) {
    const top = merged.at(-1);
    if (top !== undefined && first <= top[1] + 1) top[1] = Math.max(top[1], last);
    else merged.push([first, last]);
  }
  return merged;
}

function subtractFrom([first, last]: Run, holes: Runs): Runs {
  const left: Run[] = [];
  let next = first;
  for (const [holeFirst, holeLast] of holes) {
    if (holeLast < next || holeFirst > last) continue;
    if (holeFirst > next) left.push([next, holeFirst - 1]);
    next = holeLast + 1;
  }
  if (next <= last) left.push([next, last]);
  return left;
}

/** A seeded sample of crash points: of every phase of every operation at least one; SNAPCOMMIT_CRASH_POINTS=all takes all. */
import { CRASH_POINTS } from '#src/crash-points.js';
import { share } from '../support/volume-kinds.js';

export const all = process.env['SNAPCOMMIT_CRASH_POINTS'] === 'all';
export const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

/** mulberry32, for replaying a sample from its seed. */
export function makeRandom(from: number): () => number {
  let state = from >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The passes (`POINT#COUNT`) to try: all of them, or one a phase, or of fewer phases where SNAPCOMMIT_TEST_SHARE says so. */
export function choose(passes: readonly string[], random: () => number): readonly string[] {
  if (all) return passes;
  const byPhase = new Map<string, string[]>();
  for (const pass of passes) {
    const phase = phaseOf(pass);
    byPhase.set(phase, [...(byPhase.get(phase) ?? []), pass]);
  }
  const each = [...byPhase.values()].flatMap((group) => group[Math.floor(random() * group.length)] ?? []);
  return some(each, random);
}

/** Of these as many as SNAPCOMMIT_TEST_SHARE says, but `least`, in their order. */
export function some<T>(from: readonly T[], random: () => number, least = 0): readonly T[] {
  const count = all ? from.length : Math.max(least, share(from.length));
  const left = [...from];
  while (left.length > count) left.splice(Math.floor(random() * left.length), 1);
  return left;
}

export function phaseOf(pass: string): string {
  const [point = ''] = pass.split('#');
  return Object.entries(CRASH_POINTS).find(([name]) => name === point)?.[1] ?? 'unknown';
}

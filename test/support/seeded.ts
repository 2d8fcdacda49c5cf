/** Randomness that a seed replays; SEED in the environment sets it. */
import type { Test } from 'tap';

/** mulberry32: whole numbers below `below`. */
export function seeded(t: Test): { below(limit: number): number; bytes(count: number): Uint8Array } {
  const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
  t.comment(`SEED=${String(seed)}`);
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  return { below, bytes: (count) => Uint8Array.from({ length: count }, () => below(256)) };
}

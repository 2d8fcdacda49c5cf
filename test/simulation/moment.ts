/**
 * The one moment in which it matters what the third of three replicas remembers: one is down, one has been too full to accept
 * anything, and the third's acceptance was counted.
 */
import type { Plan, PlanItem } from './plan.js';

interface Moment {
  /** When `a` is asked to append. */
  readonly early: readonly number[];
  /** What becomes of `b`'s store. */
  readonly loss: readonly PlanItem[];
  /** When `c` is. */
  readonly late: readonly number[];
}

export function planOfMoment({ early, loss, late }: Moment): Plan {
  const append = (at: number, node: string, volume: string): PlanItem => ({
    at,
    kind: 'append',
    node,
    volume,
    adds: true,
    request: false,
  });
  const items: readonly PlanItem[] = [
    // Whoever leads: a has the votes of a and b.
    { at: 500, kind: 'full', node: 'c', forMs: 5000 },
    ...early.map((at, index) => append(at, 'a', `v${String(index)}`)),
    // By now c has heard how far b's store was.
    { at: 5600, kind: 'crash', node: 'a', forMs: 3000 },
    ...loss,
    ...late.map((at) => append(at, 'c', 'v9')),
  ];
  const ratesPerMille = { a: 1000, b: 1000, c: 1000 };
  const sorted = items.toSorted((one, other) => one.at - other.at);
  return { seed: 1, voters: ['a', 'b', 'c'], spares: [], lastsMs: 9000, ratesPerMille, items: sorted };
}

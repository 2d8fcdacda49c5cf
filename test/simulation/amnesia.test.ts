/**
 * Stores that forgot, in the one moment in which it matters: of three replicas one is down, one has been too full to
 * accept anything, and the third, whose acceptance was counted, comes back without it.
 */
import t from 'tap';
import type { Action, Plan, PlanItem } from './plan.js';
import { runWorld } from './world.js';

function planOf(loss: readonly PlanItem[]): Plan {
  const appends = [700, 900, 1100, 1300].map(
    (at, index): PlanItem => ({ at, kind: 'append', node: 'a', volume: `v${String(index)}`, adds: true, request: false }),
  );
  const late: Action = { kind: 'append', node: 'c', volume: 'v9', adds: true, request: false };
  const items: readonly PlanItem[] = [
    // Whoever leads: a has the votes of a and b.
    { at: 500, kind: 'full', node: 'c', forMs: 5000 },
    ...appends,
    // By now c has heard how far b's store was.
    { at: 5600, kind: 'crash', node: 'a', forMs: 3000 },
    ...loss,
    { at: 7500, ...late },
    { at: 8000, ...late },
  ];
  const ratesPerMille = { a: 1000, b: 1000, c: 1000 };
  return { seed: 1, voters: ['a', 'b', 'c'], spares: [], lastsMs: 9000, ratesPerMille, items };
}

t.test('D8 a wiped voter learns, and does not vote', async (t) => {
  const { violation, tally } = await runWorld(planOf([{ at: 5500, kind: 'wipe', node: 'b' }]));
  t.equal(violation, null, 'nothing that was acknowledged is lost');
  t.equal(tally['store wiped'], 1, 'the store was wiped');
  t.ok((tally['event forgetful'] ?? 0) > 0, 'and was told so by a peer');
});

t.test('D9 a voter whose store was set back learns, and does not vote', async (t) => {
  const loss: readonly PlanItem[] = [
    { at: 600, kind: 'keep', node: 'b' },
    { at: 5500, kind: 'rollBack', node: 'b' },
  ];
  const { violation, tally } = await runWorld(planOf(loss));
  t.equal(violation, null, 'nothing that was acknowledged is lost');
  t.equal(tally['store rolled back'], 1, 'the store was set back');
  t.ok((tally['event forgetful'] ?? 0) > 0, 'and was told so by a peer');
});

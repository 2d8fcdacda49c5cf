/**
 * Stores that forgot, in the one moment in which it matters: of three replicas one is down, one has been too full to
 * accept anything, and the third, whose acceptance was counted, comes back without it.
 */
import t from 'tap';
import { planOfMoment } from './moment.js';
import type { Plan, PlanItem } from './plan.js';
import { runWorld } from './world.js';

function planOf(loss: readonly PlanItem[]): Plan {
  return planOfMoment({ early: [700, 900, 1100, 1300], loss, late: [7500, 8000] });
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

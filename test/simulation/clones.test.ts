/**
 * Clones of stores in the one moment in which they matter, as in amnesia.test.ts: of three replicas one is down, one has been
 * too full to accept anything, and in the place of the third, whose acceptance was counted, a clone of a store answers that
 * was made before it accepted.
 */
import t from 'tap';
import { planOfMoment } from './moment.js';
import type { Plan, PlanItem } from './plan.js';
import { runWorld } from './world.js';

function planOf(loss: readonly PlanItem[]): Plan {
  return planOfMoment({ early: [1100, 1300, 1500, 1700], loss, late: [6500, 7000, 7500, 8000] });
}

t.test('D9 a clone that is started while its original is away does not vote', async (t) => {
  const items: readonly PlanItem[] = [
    { at: 600, kind: 'keep', node: 'b' },
    // The original has been started once more since, so that both are at their second start.
    { at: 610, kind: 'crash', node: 'b', forMs: 50 },
    { at: 5590, kind: 'crash', node: 'b', forMs: 3000 },
    { at: 5610, kind: 'clone', node: 'b', on: 'b', forMs: 2900 },
  ];
  const { violation, tally, trace } = await runWorld(planOf(items), true);
  t.equal(violation, null, 'nothing that was acknowledged is lost');
  t.equal(tally['store cloned beside its node'], 1, 'the clone was started');
  t.ok(trace.join('\n').includes('b-clone1-: {"type":"forgetful","message":"c has seen another copy'), 'and was told');
});

t.test('D9 a clone beside its running original spoils nothing', async (t) => {
  const items: readonly PlanItem[] = [
    { at: 600, kind: 'keep', node: 'b' },
    { at: 3000, kind: 'clone', node: 'b', on: 'b', forMs: 5000 },
  ];
  const { violation, tally } = await runWorld(planOf(items));
  t.equal(violation, null, 'nothing that was acknowledged is lost, and the cluster goes on without the clone');
  t.equal(tally['store cloned beside its node'], 1, 'the clone was started');
  t.ok((tally['event forgetful'] ?? 0) > 0, 'and was told so by a peer');
});

t.test('D9 a clone that takes another node’s place, while its original is away, does not vote', async (t) => {
  const items: readonly PlanItem[] = [
    { at: 600, kind: 'keep', node: 'a' },
    { at: 5610, kind: 'clone', node: 'a', on: 'b', forMs: 2900 },
  ];
  const { violation, tally, trace } = await runWorld(planOf(items), true);
  t.equal(violation, null, 'nothing that was acknowledged is lost');
  t.equal(tally['store cloned to another node'], 1, 'the clone was started');
  t.ok(
    trace.join('\n').includes('a-clone1-: {"type":"forgetful","message":"c has seen this store further'),
    'and was told',
  );
});

/**
 * Reads in the one moment in which they are easily wrong: a leader is cut off and stopped while the others elect another
 * one and go on; it wakes, and has not heard of anything. Each of three nodes goes through it, so the leader does, too.
 */
import t from 'tap';
import type { Action, Plan, PlanItem } from './plan.js';
import { runWorld } from './world.js';

const NODES = ['a', 'b', 'c'] as const;
const TURN_MS = 6000;

function turnOf(node: string, from: number): readonly PlanItem[] {
  const others = NODES.filter((one) => one !== node);
  const at = (ms: number, action: Action): PlanItem => ({ at: from + ms, ...action });
  const append = (volume: string): Action => ({
    kind: 'append',
    node: others[0] ?? node,
    volume,
    adds: true,
    request: false,
  });
  return [
    at(0, append(`${node}-before`)),
    at(500, { kind: 'cut', from: [...NODES], to: [node], forMs: 4000 }),
    at(500, { kind: 'cut', from: [node], to: others, forMs: 4000 }),
    at(550, { kind: 'pause', node, forMs: 2500 }),
    // By now the others have a leader, and tell somebody of what it chose.
    at(2500, append(`${node}-after`)),
    ...[3055, 3060, 3080, 3120, 3200, 3400].map((ms) => at(ms, { kind: 'read', node })),
  ];
}

t.test('P8 L2 a leader that wakes while another one leads answers no read', async (t) => {
  const items = NODES.flatMap((node, index) => turnOf(node, 1000 + index * TURN_MS));
  const ratesPerMille = { a: 1000, b: 1000, c: 1000 };
  const plan: Plan = {
    seed: 1,
    voters: NODES,
    spares: [],
    lastsMs: 1000 + NODES.length * TURN_MS,
    ratesPerMille,
    items,
  };
  const { violation, tally } = await runWorld(plan);
  t.equal(violation, null, 'nobody was told less than somebody knew');
  t.ok((tally['leader elected'] ?? 0) > 1, 'the leader was followed by another one');
  t.ok((tally['append chosen'] ?? 0) >= 2 * NODES.length, 'which went on');
});

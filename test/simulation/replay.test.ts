/** The simulation itself: a seed is one run, and a failure becomes short. */
import t from 'tap';
import { planFor } from './plan.js';
import { runWorld } from './world.js';

const start = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

t.test('a seed replays to the same trace, and another one to another', async (t) => {
  t.comment(`SEED=${String(start)}`);
  const hashes = new Set<string>();
  for (let seed = start; seed < start + 10; seed += 1) {
    const plan = planFor(seed);
    t.same(planFor(seed), plan, 'the plan comes from the seed alone');
    const [first, second] = [await runWorld(plan), await runWorld(plan, true)];
    t.equal(second.hash, first.hash, `seed ${String(seed)} has one trace, also when its lines are kept`);
    t.same(second.tally, first.tally, 'and the same things happened in it');
    hashes.add(first.hash);
  }
  t.equal(hashes.size, 10, 'ten seeds are ten worlds');
});

/** Random worlds. SEED=n begins there; WORLDS=n runs more or fewer. */
import t from 'tap';
import { World } from './simulation.js';

const worlds = Number(process.env['WORLDS'] ?? 150);
const start = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

t.test('worlds of faults: agreement, validity, durability, reads, members; and all is well afterwards', async (t) => {
  t.comment(`SEED=${String(start)}`);
  const totals = new Map<string, number>();
  const count = (what: string, n: number): void => void totals.set(what, (totals.get(what) ?? 0) + n);
  for (let n = 0; n < worlds; n += 1) {
    const seed = start + n;
    try {
      const world = new World(seed);
      for (let action = 0; action < 3000; action += 1) world.act();
      world.heal();
      count('chosen', world.judge.chosen.size);
      count('acknowledged', world.judge.acknowledged);
      count('reads', world.judge.reads);
      for (const [what, times] of world.counts) count(what, times);
    } catch (error) {
      t.fail(`replay with SEED=${String(seed)}`, { found: error instanceof Error ? error.stack : error });
      return;
    }
  }
  t.comment([...totals].map(([what, times]) => `${what} ${String(times)}`).join(', '));
  t.ok((totals.get('chosen') ?? 0) > worlds * 10, 'the worlds choose something');
  t.ok((totals.get('acknowledged') ?? 0) > worlds, 'and acknowledge something');
});

/** Random worlds. SEED=n replays one; WORLDS=n runs more. */
import t from 'tap';
import { World } from './simulation.js';

const given = process.env['SEED'];
const worlds = given === undefined ? Number(process.env['WORLDS'] ?? 150) : 1;
const start = given === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(given);

t.test('agreement, validity and durability under loss, duplication, reordering and crashes', async (t) => {
  t.comment(`SEED=${String(start)}`);
  let chosen = 0;
  let acknowledged = 0;
  let crashes = 0;
  for (let n = 0; n < worlds; n += 1) {
    const seed = start + n;
    try {
      const world = new World(seed);
      for (let action = 0; action < 1500; action += 1) world.act();
      world.heal();
      chosen += world.chosen.size;
      acknowledged += world.acknowledged.size;
      crashes += world.crashes;
    } catch (error) {
      t.fail(`replay with SEED=${String(seed)}`, { found: error instanceof Error ? error.stack : error });
      return;
    }
  }
  t.comment(
    `${String(worlds)} worlds: ${String(chosen)} slots chosen, ${String(acknowledged)} acknowledged, ${String(crashes)} crashes`,
  );
  t.ok(chosen > worlds * 10, 'the worlds choose something');
  t.ok(acknowledged > worlds, 'and acknowledge something');
});

// test-timeout-seconds: 600
/** The same worlds every time, one after the other: what a planted bug has to be caught by. SEED=n begins elsewhere. */
import t from 'tap';
import { planFor } from './plan.js';
import { describeFailure, shrink } from './shrink.js';
import { runWorld } from './world.js';

const start = Number(process.env['SEED'] ?? 1);
const count = Number(process.env['WORLDS'] ?? 200);

t.test('no law is broken in any of these worlds', async (t) => {
  t.comment(`SEED=${String(start)} WORLDS=${String(count)}`);
  for (let seed = start; seed < start + count; seed += 1) {
    const { violation } = await runWorld(planFor(seed));
    if (violation === null) continue;
    const story = describeFailure(await shrink(planFor(seed), violation.law, 40), 40);
    t.fail(`world ${String(seed - start + 1)} (SEED=${String(seed)}): ${violation.message.split('\n')[0] ?? ''}`, {
      story,
    });
    return;
  }
  t.pass(`${String(count)} worlds`);
});

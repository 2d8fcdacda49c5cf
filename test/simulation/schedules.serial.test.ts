// test-timeout-seconds: 1800
/** Ten thousand random worlds on all cores. SEED=n begins there; WORLDS=n runs more or fewer. */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { describeFleet, runFleet } from './fleet.js';
import { planFor } from './plan.js';
import { describeFailure, shrink } from './shrink.js';

const start = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.env['WORLDS'] ?? 10_000);
/** Each of these must have happened, or the worlds are tamer than they say. */
const EXPECTED = [
  'crash',
  'pause',
  'partition',
  'partition one way',
  'message lost',
  'message repeated',
  'message held up',
  'clock stepped',
  'disk full',
  'disk slow',
  'sync failed',
  'damage missing',
  'damage flipped',
  'damage misdirected',
  'damage checkpoint',
  'damage archive',
  'disk hung',
  'event diskStalls',
  'event diskReturned',
  'generation committed',
  'transaction taken over',
  'store rolled back',
  'store cloned beside its node',
  'store cloned to another node',
  'store wiped',
  'members done',
  'event retired',
  'event healed',
  'event forgetful',
  'leader elected',
  'read answered',
];

t.test('P9 L3 D1 what is promised holds in every world, and every world comes to life again', async (t) => {
  t.comment(`SEED=${String(start)} WORLDS=${String(count)}`);
  const report = await runFleet({ start, count, processes: availableParallelism(), failuresMax: 1 });
  for (const line of describeFleet(report)) t.comment(line);
  for (const { seed, law, message } of report.failures.slice(0, 1)) {
    const shrunk = await shrink(planFor(seed), law, 100);
    t.fail(`SEED=${String(seed)} ${message}`, { story: describeFailure(shrunk, 60) });
  }
  t.same(report.failures, [], 'no law was broken');
  if (count < 1000) return;
  for (const fault of EXPECTED) t.ok((report.tally[fault] ?? 0) > 0, `${fault} happened`);
});

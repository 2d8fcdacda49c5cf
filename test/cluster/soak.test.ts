// test-timeout-seconds: 240
/** One minute of `npm run soak`. SEED replays the faults (what the machine does between them differs). */
import t from 'tap';
import { describeSoak, soak } from './soak.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));

void t.test('P8 P9 L2 L6 three daemons under faults answer as one linearizable object', async (t) => {
  t.comment(`SEED=${String(seed)}`);
  const report = await soak({ seed, seconds: 60, members: 3, clients: 6 });
  for (const line of describeSoak(report).split('\n')) t.comment(line);
  t.equal(report.verdict.explanation, null, 'the history is linearizable');
  t.ok(report.converged, 'and everybody comes to decide the same');
  t.ok(report.outcomes.ok > 100, 'the clients got something done');
  t.ok(report.faults.size > 2, 'under faults of several kinds');
});

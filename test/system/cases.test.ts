// test-timeout-seconds: 600
/** A fault at an effect of a command that spans hosts: a sample, another one each time; `npm run sim -- --system --cases` runs all. */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { casesOf, sample, SETUPS, withSecond } from './cases.js';
import { runCase } from './crash-case.js';
import { replayOf, runJobs, type Job } from './system-fleet.js';

const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.env['CASES'] ?? 27);

t.test('a command without a fault is one trace, run after run', async (t) => {
  for (const [name, setup] of Object.entries(SETUPS)) {
    const [first, second] = [
      await runCase({ ...setup, at: null, fault: null, second: null, traced: false }),
      await runCase({ ...setup, at: null, fault: null, second: null, traced: true }),
    ];
    t.equal(first.violation, null, name);
    t.equal(second.hash, first.hash, `${name}: one trace`);
  }
});

t.test(
  'G8 L4 T4 T6 whatever dies at whatever effect, the whole is there or nothing, and nothing is left over',
  async (t) => {
    t.comment(`SEED=${String(seed)} CASES=${String(count)}`);
    const jobs: Job[] = [];
    for (const setup of Object.values(SETUPS)) {
      const chosen = sample(seed, await casesOf(setup), 2 * count);
      const some = chosen.slice(0, count);
      for (const options of [...some, ...withSecond(seed, chosen.slice(count))]) jobs.push({ kind: 'case', options });
    }
    const report = await runJobs(jobs, { processes: availableParallelism(), failuresMax: 3 });
    for (const { job, message } of report.failures) t.fail(message, { replay: replayOf(job) });
    t.same(report.failures, [], `no law was broken in ${String(report.done)} cases`);
  },
);

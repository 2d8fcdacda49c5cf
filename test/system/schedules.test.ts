// test-timeout-seconds: 600
/** Random schedules of commands and faults over whole systems. SEED=n begins there; WORLDS=n runs more or fewer. */
import { availableParallelism } from 'node:os';
import t from 'tap';
import { runSchedule } from './run-schedule.js';
import { scheduleFor } from './schedule.js';
import { replayOf, runJobs, type Job } from './system-fleet.js';

const start = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const count = Number(process.env['WORLDS'] ?? 100);

t.test('a seed replays to the same trace, and another one to another', async (t) => {
  t.comment(`SEED=${String(start)}`);
  const hashes = new Set<string>();
  for (let seed = start; seed < start + 2; seed += 1) {
    const [first, second] = [await runSchedule(scheduleFor(seed)), await runSchedule(scheduleFor(seed), true)];
    t.equal(second.hash, first.hash, `seed ${String(seed)} has one trace, also when its lines are kept`);
    hashes.add(first.hash);
  }
  t.equal(hashes.size, 2, 'two seeds are two worlds');
});

t.test('G1 G8 T4 T5 T6 T15 no law is broken in any world, and every world becomes tidy again', async (t) => {
  t.comment(`SEED=${String(start)} WORLDS=${String(count)}`);
  const jobs = Array.from({ length: count }, (_, index): Job => ({ kind: 'schedule', seed: start + index }));
  const report = await runJobs(jobs, { processes: availableParallelism(), failuresMax: 1 });
  for (const { job, message } of report.failures) t.fail(message, { replay: replayOf(job) });
  t.same(report.failures, [], 'no law was broken');
  t.comment(JSON.stringify(report.tally));
  if (count < 100) return;
  for (const happened of [
    'commit ended with 0',
    'commit ended with 5',
    'committed capture barrier',
    'power',
    'cut',
    'pauseCommand',
  ])
    t.ok((report.tally[happened] ?? 0) > 0, `${happened} happened`);
});

import t from 'tap';
import { runSchedule } from './run-schedule.js';
import { scheduleFor } from './schedule.js';
t.test('schedules', async (t) => {
  const start = Number(process.env.SEED ?? 1);
  const count = Number(process.env.WORLDS ?? 100);
  const from = Date.now();
  let failed = 0;
  const sum: Record<string, number> = {};
  for (let seed = start; seed < start + count; seed += 1) {
    const r = await runSchedule(scheduleFor(seed), process.env.SHOW !== undefined);
    for (const [k, n] of Object.entries(r.tally)) sum[k] = (sum[k] ?? 0) + n;
    if (process.env.SHOW) for (const line of r.trace.filter((l) => !l.includes('(log)'))) console.log('#  ' + line);
    if (r.violation === null) continue;
    failed += 1;
    console.log(`# SEED=${seed} ${r.violation.law} ${r.violation.message.slice(0, 500)}`);
    if (Date.now() - from > 90000) break;
  }
  console.log(`# ${failed} failed, ${(Date.now() - from) / count} ms each`, JSON.stringify(sum));
  t.equal(failed, 0);
});

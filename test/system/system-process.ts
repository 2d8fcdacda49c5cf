/** A process of a fleet: runs the cases and schedules that it is sent, one after the other. */
import { runCase } from './crash-case.js';
import { runSchedule } from './run-schedule.js';
import { scheduleFor } from './schedule.js';
import type { Job, JobReport } from './system-fleet.js';

process.on('message', (job: Job) => {
  void run(job).then((report) => process.send?.(report));
});

async function run(job: Job): Promise<JobReport> {
  if (job.kind === 'schedule') {
    const { violation, tally } = await runSchedule(scheduleFor(job.seed));
    return { failure: violation, place: '', tally };
  }
  const { violation, place } = await runCase(job.options);
  const { kind } = job.options.fault ?? { kind: 'calm' };
  const failure = violation === null ? null : { law: violation.law, message: `${violation.message} (${place})` };
  return { failure, place, tally: { [`case ${job.options.errand} ${kind}`]: 1 } };
}

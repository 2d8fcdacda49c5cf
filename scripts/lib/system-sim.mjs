// The whole system in the simulator, for scripts/sim.mjs: many schedules, all cases, or one of either with its trace.
const FAILURES_SHOWN = 3;
const PROGRESS_MS = 5000;
const TRACE_LINES = 150;

/** Answers an exit status. `built` imports a module of test/system. */
export async function simulateSystem(built, say, { seed, start, seeds, jobs, cases, case: one, part }) {
  const { runCase } = await built('crash-case');
  const { runSchedule } = await built('run-schedule');
  const { scheduleFor } = await built('schedule');
  const tell = ({ violation, trace, hash }, story) => {
    say(...story, ...trace.slice(-TRACE_LINES), `trace hash ${hash}`, violation?.message ?? 'no law was broken');
    return violation === null ? 0 : 1;
  };
  if (one !== undefined) return tell(await runCase({ ...JSON.parse(one), traced: true }), []);
  if (seed !== null) {
    const schedule = scheduleFor(seed);
    return tell(
      await runSchedule(schedule, true),
      schedule.items.map((item) => JSON.stringify(item)),
    );
  }
  const { replayOf, runJobs } = await built('system-fleet');
  const work = cases ? partOf(await allCases(built, start), part) : schedules(start, seeds);
  say(
    cases
      ? `--start ${String(start)} --part ${part}: ${String(work.length)} cases`
      : `--start ${String(start)} --seeds ${String(seeds)}`,
  );
  let told = Date.now();
  const onProgress = ({ done, failures }) => {
    if (Date.now() - told < PROGRESS_MS) return;
    told = Date.now();
    say(`${String(done)} of ${String(work.length)}, ${String(failures.length)} failed`);
  };
  const report = await runJobs(work, { processes: jobs, failuresMax: FAILURES_SHOWN, onProgress });
  say(...Object.entries(report.tally).map(([name, times]) => `  ${String(times).padStart(9)}  ${name}`));
  for (const { job, message } of report.failures) say('', message, `replay with: ${replayOf(job)}`);
  return report.failures.length === 0 ? 0 : 1;
}

async function allCases(built, start) {
  const { casesOf, SETUPS, withSecond } = await built('cases');
  const all = (await Promise.all(Object.values(SETUPS).map((setup) => casesOf(setup)))).flat();
  return [...all, ...withSecond(start, all)].map((options) => ({ kind: 'case', options }));
}

/** `part`: as 2/40. Every so-many-th case, so that each part holds some of every kind. */
function partOf(all, part) {
  const [, k = 1, n = 1] = (/^(\d+)\/(\d+)$/.exec(part) ?? []).map(Number);
  if (n < 1 || k < 1 || k > n) throw new RangeError(`--part takes K/N with K from 1 to N, not ${part}`);
  return all.filter((_, index) => index % n === k - 1);
}

function schedules(start, count) {
  return Array.from({ length: count }, (_, index) => ({ kind: 'schedule', seed: start + index }));
}

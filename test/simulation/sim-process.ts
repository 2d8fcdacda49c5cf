/** A process of a fleet: runs the seeds that it is sent, and tells at the end which branches of the core it reached. */
import { branchesReached, watchBranches } from './branches.js';
import type { Failure, RunReport, SeedRun } from './fleet.js';
import { planFor } from './plan.js';
import { Tally } from './tally.js';
import { runWorld } from './world.js';

const NOTHING = { worlds: 0, failures: [], simulatedMs: 0, events: 0, slots: 0, acknowledged: 0, reads: 0, tally: {} };

await watchBranches();

process.on('message', (run: SeedRun) => {
  void answer(run);
});

async function answer(run: SeedRun): Promise<void> {
  if (run.count > 0) {
    process.send?.(await runSeeds(run));
    return;
  }
  const last: RunReport = { ...NOTHING, branches: await branchesReached() };
  process.send?.(last, () => {
    process.disconnect();
  });
}

async function runSeeds({ start, count }: SeedRun): Promise<RunReport> {
  const failures: Failure[] = [];
  const numbers = new Tally();
  const tally = new Tally();
  for (let seed = start; seed < start + count; seed += 1) {
    const {
      violation,
      simulatedMs,
      events,
      slots,
      acknowledged,
      reads,
      tally: counted,
    } = await runWorld(planFor(seed));
    numbers.add({ simulatedMs, events, slots, acknowledged, reads });
    tally.add(counted);
    if (violation !== null) failures.push({ seed, ...violation });
  }
  const of = (name: string) => numbers.of(name);
  return {
    worlds: count,
    failures,
    simulatedMs: of('simulatedMs'),
    events: of('events'),
    slots: of('slots'),
    acknowledged: of('acknowledged'),
    reads: of('reads'),
    tally: tally.all(),
    branches: null,
  };
}

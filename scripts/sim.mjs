#!/usr/bin/env node
// `npm run sim`: the deterministic simulation of the replicated log, over many seeds on all cores.
//
//   npm run sim                          10,000 seeds from a random one on, which is printed
//   npm run sim -- --seeds 1000000       as many
//   npm run sim -- --start 42 --jobs 1   from this seed on, in so many processes
//   npm run sim -- --seed 42             one seed again: twice, and if it fails, shrunk to a short story
//   npm run sim -- --system …            the same of the whole system: coordinators, participants, daemons, volumes
//   npm run sim -- --system --cases      there: every fault at every effect of every phase of small groups
//   npm run sim -- --system --cases --part 2/40   the second of forty parts of them (with one --start for all parts)
//   npm run sim -- --system --case JSON  there: one of those again
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { bootstrapOrExit } from './bootstrap.mjs';
import { root } from './lib/files.mjs';

const FAILURES_SHOWN = 3;
const PROGRESS_MS = 5000;
const SEED_LIMIT = 2 ** 31;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '10000' },
    start: { type: 'string' },
    seed: { type: 'string' },
    jobs: { type: 'string', default: String(availableParallelism()) },
    system: { type: 'boolean', default: false },
    cases: { type: 'boolean', default: false },
    case: { type: 'string' },
    part: { type: 'string', default: '1/1' },
  },
});
const number = (name, text, min) => {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= min) return value;
  process.stderr.write(`sim: --${name} takes a whole number from ${String(min)}, not ${text}\n`);
  process.exit(2);
};

const seeds = number('seeds', values.seeds, 1);
const jobs = number('jobs', values.jobs, 1);
const say = (...lines) => process.stdout.write(`${lines.join('\n')}\n`);
bootstrapOrExit({ packages: 'wanted', tests: true });
const builtIn = (folder) => (name) => import(pathToFileURL(join(root, 'build', 'test', folder, `${name}.js`)).href);
if (values.system) {
  const { simulateSystem } = await import('./lib/system-sim.mjs');
  const seed = values.seed === undefined ? null : number('seed', values.seed, 0);
  const start = values.start === undefined ? Date.now() % SEED_LIMIT : number('start', values.start, 0);
  process.exit(await simulateSystem(builtIn('system'), say, { ...values, seed, start, seeds, jobs }));
}
const built = builtIn('simulation');
const { planFor } = await built('plan');
const { runWorld } = await built('world');
const { describeFailure, shrink } = await built('shrink');

process.exitCode = values.seed === undefined ? await many() : await one(number('seed', values.seed, 0));

async function one(seed) {
  const plan = planFor(seed);
  const [first, second] = [await runWorld(plan), await runWorld(plan)];
  say(`seed ${String(seed)}: ${String(first.simulatedMs)} ms simulated, trace hash ${first.hash}`);
  if (first.hash !== second.hash) say(`the second run has another trace: ${second.hash}`);
  if (first.violation === null) return first.hash === second.hash ? 0 : 1;
  say(...describeFailure(await shrink(plan, first.violation.law)));
  return 1;
}

async function many() {
  const { describeFleet, runFleet } = await built('fleet');
  const start = values.start === undefined ? Date.now() % SEED_LIMIT : number('start', values.start, 0);
  say(`--start ${String(start)} --seeds ${String(seeds)}, ${String(jobs)} processes`);
  const began = Date.now();
  let told = began;
  const onProgress = ({ worlds, simulatedMs, failures }) => {
    if (Date.now() - told < PROGRESS_MS) return;
    told = Date.now();
    const left = Math.round((((told - began) / worlds) * (seeds - worlds)) / 1000);
    const hours = (simulatedMs / 3_600_000).toFixed(1);
    say(
      `${String(worlds)} of ${String(seeds)}, ${hours} h simulated, ${String(failures.length)} failed, ${String(left)} s left`,
    );
  };
  const report = await runFleet({ start, count: seeds, processes: jobs, failuresMax: FAILURES_SHOWN, onProgress });
  say(...describeFleet(report), `${((Date.now() - began) / 1000).toFixed(0)} s`);
  for (const { seed, law } of report.failures.slice(0, FAILURES_SHOWN))
    say('', `replay with: npm run sim -- --seed ${String(seed)}`, ...describeFailure(await shrink(planFor(seed), law)));
  return report.failures.length === 0 ? 0 : 1;
}

/**
 * `npm run crash -- --hosts`: all cases of crash-cases.ts, or a part of them, each told as it ends. A case that fails is
 * told with its number and gets the next one a new fleet; what an interrupted run has left is gone on with by --from.
 */
import { parseArgs } from 'node:util';
import { endWithSupervisor } from '../support/at-end.js';
import { bePatient } from '../support/until.js';
import { crashCasesOf, type CrashCase } from './crash-cases.js';
import { makeFleet, type Fleet } from './fleet.js';
import { PointNotReached } from './host.js';
import { startRelay } from './relay.js';
import { Scope } from '../support/scope.js';

endWithSupervisor();
bePatient();
const USAGE = `Usage: npm run crash -- --hosts [--list] [--only TEXT] [--from N] [--shard K/N]
  --list       tell the cases and run none
  --only TEXT  the cases whose name contains TEXT
  --from N     the cases from number N on
  --shard K/N  every N-th case, from the K-th on: several shards can run at once
`;
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    from: { type: 'string', default: '1' },
    shard: { type: 'string', default: '1/1' },
  },
});
/** After so many cases a fleet is made anew, so that the log and the disks stay small. */
const CASES_PER_FLEET = 40;
const KEPT = '5';
const TRIES = 3;

interface Standing {
  readonly scope: Scope;
  readonly fleet: Fleet;
  /** It has had. */
  cases: number;
}

async function stand(): Promise<Standing> {
  const scope = new Scope();
  try {
    const settings = { takeOverGraceMs: 500, lockWaitMs: 4_000, logTimeoutMs: '4s' };
    const fleet = await makeFleet(scope, { stallLimit: '3s', settings });
    await startRelay(scope, fleet.hosts);
    return { scope, fleet, cases: 0 };
  } catch (error) {
    await scope.end();
    throw error;
  }
}

interface Numbered {
  readonly number: number;
  readonly each: CrashCase;
}

function chosen(all: readonly CrashCase[]): readonly Numbered[] {
  const [shard = 1, shards = 1] = values.shard.split('/').map(Number);
  return all
    .map((each, index) => ({ each, number: index + 1 }))
    .filter(({ each, number }) => number >= Number(values.from) && each.name.includes(values.only))
    .filter((_, index) => index % shards === shard - 1);
}

/** A commit that is refused for a while, as when nobody leads, comes to its point another time. */
async function problemsOf({ fleet }: Standing, { run }: CrashCase): Promise<readonly string[]> {
  for (let tries = 1; ; tries += 1) {
    try {
      const problems = await run(fleet);
      if (problems.length === 0) await fleet.host(2).ask('prune', 'app', '--keep-last', KEPT);
      return problems;
    } catch (error) {
      if (!(error instanceof PointNotReached) || tries === TRIES) return [String(error)];
    }
  }
}

async function main(): Promise<number> {
  let standing = await stand();
  let failures = 0;
  try {
    const cases = chosen(await crashCasesOf(standing.fleet));
    console.log(`${String(cases.length)} cases`);
    if (values.list) {
      for (const { number, each } of cases) console.log(`${String(number)} ${each.name}`);
      return 0;
    }
    for (const [index, { number, each }] of cases.entries()) {
      if (standing.cases >= CASES_PER_FLEET) {
        await standing.scope.end();
        standing = await stand();
      }
      standing.cases += 1;
      const started = performance.now();
      const problems = await problemsOf(standing, each);
      const seconds = ((performance.now() - started) / 1_000).toFixed(1);
      const place = `${String(index + 1)} of ${String(cases.length)}`;
      console.log(`${problems.length === 0 ? 'ok  ' : 'FAIL'} ${place} #${String(number)} ${each.name} (${seconds} s)`);
      for (const problem of problems) console.log(problem.replaceAll(/^/gm, '      '));
      if (problems.length === 0) continue;
      failures += 1;
      // The next one gets a fleet that nothing is wrong with.
      standing.cases = CASES_PER_FLEET;
    }
    console.log(`${String(cases.length)} cases, ${String(failures)} failed`);
  } finally {
    await standing.scope.end();
  }
  return failures;
}

if (values.help) process.stdout.write(USAGE);
else process.exitCode = (await main()) === 0 ? 0 : 1;

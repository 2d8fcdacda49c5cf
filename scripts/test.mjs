#!/usr/bin/env node
// `npm test [-- NAME…]`: makes the machine ready, checks the code, then runs every test file in a process of its own.
// With names, only the test files whose path contains one of them (and no check). The last line is the count.
// With CI=true the seeds of random tests come from the sources, unless SEED is given: see lib/seed.mjs.
//
// tap is the library that the tests are written with; its own runner is not used: it took 4 to 5 s longer for six small
// files, and knows neither time limits for process groups nor what a test leaves on the machine.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, BootstrapError } from './bootstrap.mjs';
import { check, reportStep } from './check.mjs';
import { LeftoverWatch, programRoots } from './lib/leftovers.mjs';
import { Report } from './lib/report.mjs';
import { inParallel, run } from './lib/run.mjs';
import { seedFor, sourcesDigest } from './lib/seed.mjs';
import { judge } from './lib/tap.mjs';
import { testFiles } from './lib/test-files.mjs';
import { readableView } from './lib/view.mjs';

const USAGE = `Usage: npm test [-- [NAME…] [--no-check] [--jobs N] [--timeout SECONDS] [--shared] [--list]]
  NAME       run only the test files whose path contains NAME, without the check
  --shared   report what is left on the machine without failing: others are using it too
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    check: { type: 'boolean', default: true },
    help: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    list: { type: 'boolean', default: false },
    shared: { type: 'boolean', default: false },
    timeout: { type: 'string', default: '300' },
  },
  allowNegative: true,
});

const inCi = process.env.CI === 'true';
const report = new Report();
const digest = inCi && process.env.SEED === undefined ? sourcesDigest() : null;

if (values.help) {
  process.stdout.write(USAGE);
} else if (values.list) {
  for (const test of wantedTests()) process.stdout.write(`${test.name}\n`);
} else {
  await main();
}

async function main() {
  prepare();
  if (values.check && positionals.length === 0) {
    for (const step of await check())
      report.count(reportStep(step), { passed: step.ok ? 1 : 0, failed: step.ok ? 0 : 1 });
  }
  const tests = wantedTests();
  if (tests.length === 0) report.count(`FAIL  no test file matches ${positionals.join(' ')}\n`, { failed: 1 });
  const view = readableView();
  programRoots.push(view.directory);
  const watch = new LeftoverWatch();
  await inParallel(
    tests.filter((test) => !test.serial),
    Number(values.jobs),
    (test) => runTest(test, watch, view.directory),
  );
  await inParallel(
    tests.filter((test) => test.serial),
    1,
    (test) => runTest(test, watch, view.directory),
  );
  const remaining = await watch.remaining();
  for (const thing of remaining)
    report.count(`${values.shared ? 'note' : 'FAIL'}  ${thing}\n`, { failed: values.shared ? 0 : 1 });
  view.release();
  process.exitCode = report.close();
}

/** A build that fails counts as one failure; what it has emitted is run nevertheless. */
function prepare() {
  try {
    bootstrap({ packages: inCi ? 'required' : 'wanted', tests: true });
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    report.count(`FAIL  bootstrap\n${error.message}\n`, { failed: 1 });
  }
}

/** The tests for this machine: those for a guest with ZFS are run by test-zfs.mjs. */
function wantedTests() {
  return testFiles(Number(values.timeout)).filter(
    ({ name, isForRig }) =>
      !isForRig && (positionals.length === 0 || positionals.some((wanted) => name.includes(wanted))),
  );
}

async function runTest(test, watch, directory) {
  watch.started(test.name);
  const result = await run(process.execPath, [join(directory, 'build', 'test', test.name)], {
    timeoutMs: test.timeoutMs,
    // tap's own limit (30 s otherwise) must not be the shorter one.
    env: { ...process.env, TAP_TIMEOUT: String(Math.ceil(test.timeoutMs / 1000)), ...seedsOf(test.name) },
  });
  watch.ended(test.name);
  report.file(test.name, result, judge(result, { allowSkips: !inCi }));
}

function seedsOf(name) {
  return digest === null ? {} : { SEED: String(seedFor(digest, name)) };
}

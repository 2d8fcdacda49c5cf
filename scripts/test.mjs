#!/usr/bin/env node
// `npm test [-- NAME…]`: makes the machine ready, checks the code, then runs every test file in a process of its own.
// With names, only the test files whose path contains one of them (and no check). The last line is the count.
//
// tap is the library that the tests are written with; its own runner is not used: it took 4 to 5 s longer for six small
// files, and knows neither time limits for process groups nor what a test leaves on the machine.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, BootstrapError } from './bootstrap.mjs';
import { check, reportStep } from './check.mjs';
import { filesBelow, root } from './lib/files.mjs';
import { LeftoverWatch, programRoots } from './lib/leftovers.mjs';
import { inParallel, run } from './lib/run.mjs';
import { judge } from './lib/tap.mjs';
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
const total = { passed: 0, failed: 0, skipped: 0 };

if (values.help) {
  process.stdout.write(USAGE);
} else if (values.list) {
  for (const test of testFiles()) process.stdout.write(`${test.name}\n`);
} else {
  await main();
}

async function main() {
  prepare();
  if (values.check && positionals.length === 0) {
    for (const step of await check()) count(reportStep(step), { passed: step.ok ? 1 : 0, failed: step.ok ? 0 : 1 });
  }
  const tests = testFiles();
  if (tests.length === 0) count(`FAIL  no test file matches ${positionals.join(' ')}\n`, { failed: 1 });
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
    count(`${values.shared ? 'note' : 'FAIL'}  ${thing}\n`, { failed: values.shared ? 0 : 1 });
  view.release();
  const { passed, failed, skipped } = total;
  if (skipped > 0) process.stdout.write(`${String(skipped)} skipped\n`);
  process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** A build that fails counts as one failure; what it has emitted is run nevertheless. */
function prepare() {
  try {
    bootstrap({ packages: inCi ? 'required' : 'wanted', tests: true });
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    count(`FAIL  bootstrap\n${error.message}\n`, { failed: 1 });
  }
}

/** The tests that have a source: compiled leftovers of deleted ones do not run. */
function testFiles() {
  return filesBelow(join(root, 'test'), (path) => path.endsWith('.test.ts'))
    .map((source) => {
      const name = relative(join(root, 'test'), source).replace(/\.ts$/, '.js');
      const limit = /^\/\/ test-timeout-seconds: (\d+)$/m.exec(readFileSync(source, 'utf8'));
      return {
        name,
        serial: name.endsWith('.serial.test.js'),
        timeoutMs: Number(limit?.[1] ?? values.timeout) * 1000,
      };
    })
    .filter(({ name }) => positionals.length === 0 || positionals.some((wanted) => name.includes(wanted)));
}

async function runTest(test, watch, directory) {
  watch.started(test.name);
  const result = await run(process.execPath, [join(directory, 'build', 'test', test.name)], {
    timeoutMs: test.timeoutMs,
    // tap's own limit (30 s otherwise) must not be the shorter one.
    env: { ...process.env, TAP_TIMEOUT: String(Math.ceil(test.timeoutMs / 1000)) },
  });
  watch.ended(test.name);
  const verdict = judge(result, { allowSkips: !inCi });
  const tests = `${String(verdict.passed + verdict.failed)} tests`;
  const word = verdict.failed > 0 ? 'FAIL' : verdict.passed > 0 ? 'ok  ' : 'skip';
  const line = `${word}  ${test.name.padEnd(56)} ${tests}  ${result.seconds.toFixed(1)} s\n${figures(result)}`;
  count(verdict.failed === 0 ? line : `${line}${explain(test, result, verdict)}`, verdict);
}

/** What a suite says of its own extent (`# 40 crash points tried, …`). */
function figures({ stdout }) {
  const lines = stdout.split('\n').filter((line) => /^# .* tried, /.test(line));
  return lines.map((line) => `      ${line.slice(2)}\n`).join('');
}

/** Why a file failed: the end of what it said, with all of it in a file. */
function explain(test, result, verdict) {
  const kept = join(root, 'build', 'test-output', `${test.name}.txt`);
  mkdirSync(dirname(kept), { recursive: true });
  writeFileSync(kept, result.output);
  const lines = result.output.trimEnd().split('\n');
  const shown = lines.length > 120 ? [`  … all of it in ${relative(root, kept)}`, ...lines.slice(-120)] : lines;
  return [...verdict.problems.map((problem) => `      ${problem}`), ...shown, ''].join('\n');
}

function count(text, { passed = 0, failed = 0, skipped = 0 }) {
  process.stdout.write(text);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

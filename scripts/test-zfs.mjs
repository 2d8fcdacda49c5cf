#!/usr/bin/env node
// `npm run test:zfs [-- NAME… | --openzfs VERSION | --all]`: boots a virtual machine with OpenZFS and runs the test files for
// it: all of test/zfs inside, with what scripts/vm/suites.json names, and all of test/vm, which boot, reboot and cut the power
// of guests of their own; after these a second guest helps with the files inside. With names, only the files whose path
// contains one of them; with --all, all crash points and flushes where a sample is tried otherwise, which takes hours. The
// last line is the count.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bootstrap, BootstrapError } from './bootstrap.mjs';
import { root } from './lib/files.mjs';
import { Report } from './lib/report.mjs';
import { inParallel, run } from './lib/run.mjs';
import { judge } from './lib/tap.mjs';
import { prepareRig } from './vm/guest.mjs';
import { TestGuest } from './vm/inside.mjs';
import { chooseOpenZfs } from './vm/openzfs.mjs';
import { suites } from './vm/suites.mjs';
import { RigError, say } from './vm/tools.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    openzfs: { type: 'string' },
    timeout: { type: 'string', default: '900' },
  },
});
const { inside, outside } = suites(positionals, { seconds: Number(values.timeout), all: values.all });
const report = new Report();

if (values.list) {
  for (const suite of inside) process.stdout.write(`inside   ${suite.label}\n`);
  for (const suite of outside) process.stdout.write(`outside  ${suite.label}\n`);
} else {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof RigError || error instanceof BootstrapError)) throw error;
    report.count(`FAIL  the virtual machine\n${error.message}\n`, { failed: 1 });
  }
  process.exitCode = report.close();
}

async function main() {
  if (inside.length + outside.length === 0) {
    return report.count(`FAIL  no test file matches ${positionals.join(' ')}\n`, { failed: 1 });
  }
  // Set in the environment, too: the files outside boot guests with the same.
  chooseOpenZfs(values.openzfs);
  bootstrap({ packages: 'required', tests: true });
  const started = process.hrtime.bigint();
  const rig = await prepareRig();
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  say(
    `image (OpenZFS ${rig.image.zfs}) and disks are ready after ${seconds.toFixed(0)} s; ${String(inside.length)} files inside a guest, ${String(outside.length)} outside`,
  );
  // What takes longest first, so that at the end both lines have something to do.
  const waiting = inside.toSorted((a, b) => b.timeoutMs - a.timeoutMs);
  const lines = [() => runInside(rig, waiting), () => runOutside().then(() => runInside(rig, waiting))];
  await inParallel(lines, lines.length, (line) => line());
}

/** Takes files from `waiting`, which another guest may do, too, until there are no more. */
async function runInside(rig, waiting) {
  const guest = new TestGuest(rig);
  try {
    for (let suite = waiting.shift(); suite !== undefined; suite = waiting.shift()) {
      say(`${suite.label} …`);
      const { result, more } = await guest.run(suite);
      report.file(suite.label, result, judge(result, { allowSkips: false }), more);
    }
  } finally {
    await guest.release();
  }
}

async function runOutside() {
  for (const suite of outside) {
    say(`${suite.label} …`);
    const env = { ...process.env, TAP_TIMEOUT: String(Math.ceil(suite.timeoutMs / 1000)) };
    const result = await run(process.execPath, [join(root, 'build', 'test', suite.name)], {
      timeoutMs: suite.timeoutMs,
      env: { ...env, ...suite.env },
    });
    report.file(suite.label, result, judge(result, { allowSkips: false }));
  }
}

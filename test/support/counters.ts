/** The writer of counter-process.ts in a cgroup of its own, and the check of what a generation holds of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { TestCgroup } from './cgroups.js';

const RECORD_BYTES = 8192;
const DIGITS = 16;

/** Resolves when it has written its first round. The cgroup's end is its end. */
export async function startCounters(t: Test, cgroup: TestCgroup, first: string, second: string): Promise<void> {
  const main = join(import.meta.dirname, 'counter-process.js');
  const child = spawn(process.execPath, [main, first, second, join(cgroup.directory, 'cgroup.procs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  await once(child.stdout, 'data');
}

/** What contradicts the order in which it wrote, one sentence each. */
export function orderViolations(first: string, second: string): readonly string[] {
  return violationsOf([
    join(first, 'counter'),
    join(second, 'counter'),
    join(first, 'renamed'),
    join(second, 'renamed'),
  ]);
}

/** Of records that were written one after the other, round by round: whole ones, whose numbers fall by one at most. */
export function violationsOf(files: readonly string[]): readonly string[] {
  const records = files.map((path) => readFileSync(path, 'latin1'));
  const numbers = records.map((record) => Number(record.slice(0, DIGITS)));
  const torn = records.filter((record) => !isWhole(record)).length;
  const fell = numbers.slice(1).every((number, index) => number <= (numbers[index] ?? 0));
  const spread = (numbers[0] ?? 0) - (numbers.at(-1) ?? 0);
  const shown = numbers.join(', ');
  return [
    ...(torn > 0 ? [`${String(torn)} records of ${shown} are torn`] : []),
    ...(fell && spread <= 1 ? [] : [`written in the order ${shown}`]),
  ];
}

function isWhole(record: string): boolean {
  return record === record.slice(0, DIGITS).repeat(RECORD_BYTES / DIGITS);
}

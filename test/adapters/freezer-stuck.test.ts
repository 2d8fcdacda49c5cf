/** Where a freezer takes no write when the limit has passed: it is tried again, and what stays frozen is told and kept. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';
import { readCommand, readProcessStat } from '#src/native/proc.js';
import type { Freeze, Writers } from '#src/ports/writers.js';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import { requireCgroups, requireCommand, requireRoot } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

requireRoot(t);
requireCgroups(t);
requireCommand(t, 'mount');

const LIMIT_MS = 1000;

interface Stuck {
  readonly writers: Writers;
  readonly freeze: Freeze;
  readonly cgroup: TestCgroup;
  readonly other: TestCgroup;
  /** Lets the freezer of `cgroup` be written again. */
  unblock(): void;
  intentFiles(): readonly string[];
}

/** A freeze of two whose guard stood still and was killed after the limit, while one of both took no write. */
async function stuck(t: Test): Promise<Stuck> {
  const stateDirectory = temporaryDirectory(t);
  const writers = createCgroupWriters({ stateDirectory, runner: createCommandRunner() });
  const [cgroup, other] = [makeCgroup(t), makeCgroup(t)];
  for (const each of [cgroup, other]) await each.start('/usr/bin/sleep', '1000');
  const targets = await writers.resolve([cgroup.cgroup, other.cgroup], []);
  const freeze = await (await writers.arm('tx', targets, LIMIT_MS)).freeze();
  const guard = guardOf();
  process.kill(guard, 'SIGSTOP');
  const unblock = readOnly(t, cgroup.directory);
  await until('the guard is given up', () => readProcessStat(guard) === null);
  t.notOk(other.requested());
  t.ok(cgroup.requested());
  return { writers, freeze, cgroup, other, unblock, intentFiles: () => readdirSync(join(stateDirectory, 'freeze')) };
}

/** The guard that this process has started and not ended. */
function guardOf(): number {
  const children = readdirSync('/proc/self/task').flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' '),
  );
  const guard = children.map(Number).find((child) => readCommand(child).includes('guard-main'));
  if (guard === undefined) throw new Error('there is no guard');
  return guard;
}

function readOnly(t: Test, directory: string): () => void {
  execFileSync('mount', ['--bind', directory, directory]);
  let stands = true;
  const unblock = (): void => {
    if (stands) execFileSync('umount', [directory]);
    stands = false;
  };
  t.teardown(unblock);
  execFileSync('mount', ['-o', 'remount,bind,ro', directory]);
  return unblock;
}

void t.test('G4 what cannot be thawed in the guard’s place keeps its intent, and is told', async (t) => {
  const { writers, freeze, cgroup, other, unblock, intentFiles } = await stuck(t);
  other.freezeByHand();
  const released = await freeze.release();
  t.match(released, { unbroken: false, reason: /the guard did not act; thawing failed, run snapcommit thaw --all/ });
  t.ok(released.reason?.includes(`${cgroup.cgroup}: `));
  t.ok(other.requested(), 'T10 what runs already is not thawed again');
  other.thawByHand();
  t.equal(intentFiles().length, 1);
  unblock();
  t.ok(cgroup.requested());
  t.match(
    (await writers.thawAll(true)).find((one) => one.cgroup === cgroup.cgroup),
    { result: 'thawed' },
  );
  t.notOk(cgroup.requested());
  t.same(intentFiles(), []);
});

void t.test('G4 a thaw in the guard’s place that failed is tried again until it succeeds', async (t) => {
  const { freeze, cgroup, other, unblock, intentFiles } = await stuck(t);
  other.freezeByHand();
  unblock();
  await until('it is thawed', () => !cgroup.requested());
  t.match(await freeze.release(), { unbroken: false, reason: /the guard did not act$/ });
  t.same(intentFiles(), []);
  t.ok(other.requested(), 'T10 what runs already is not thawed again');
});

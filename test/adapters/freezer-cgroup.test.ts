/** Freezing and thawing declared writers: real cgroups, real processes. The guard's own part is in freezer-guard. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';
import type { ArmedFreeze, Writers } from '#src/ports/writers.js';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import { requireCgroups, requireCommand, requireLoopDevices } from '../support/requirements.js';
import { makeStuckWriter } from '../support/stuck-writer.js';
import { temporaryDirectory } from '../support/temp.js';

requireCgroups(t);
requireLoopDevices(t);
requireCommand(t, 'fsfreeze');

const LIMIT_MS = 20_000;

function setUp(t: Test): { writers: Writers; intentFiles: () => string[]; stateDirectory: string } {
  const stateDirectory = temporaryDirectory(t);
  const writers = createCgroupWriters({ stateDirectory, runner: createCommandRunner() });
  return { writers, stateDirectory, intentFiles: () => readdirSync(join(stateDirectory, 'freeze')) };
}

async function arm(writers: Writers, cgroups: readonly TestCgroup[], limitMs = LIMIT_MS): Promise<ArmedFreeze> {
  const targets = await writers.resolve(
    cgroups.map(({ cgroup }) => cgroup),
    [],
  );
  return writers.arm('tx-1', targets, limitMs);
}

void t.test('a freeze stands from freeze to release, with its intent on disk', async (t) => {
  const { writers, intentFiles } = setUp(t);
  const [first, second] = [makeCgroup(t), makeCgroup(t)];
  await first.start('/usr/bin/sleep', '1000');
  await second.start('/usr/bin/yes');

  const armed = await arm(writers, [first, second]);
  t.notOk(first.requested(), 'arming freezes nothing');
  t.equal(intentFiles().length, 1, 'arming writes the intent');
  t.match(await writers.intents(), [{ transaction: 'tx-1', cgroups: [first.cgroup, second.cgroup], pid: process.pid }]);

  const freeze = await armed.freeze();
  t.same(freeze.frozen, [first.cgroup, second.cgroup]);
  t.ok(first.frozen() && second.frozen(), 'both stand still');

  const result = await freeze.release();
  t.match(result, { unbroken: true, reason: null });
  t.ok(result.stallMs >= 1, 'the stall is measured');
  t.notOk(first.requested() || second.requested(), 'both are thawed');
  t.same(intentFiles(), [], 'the intent is gone');
  t.same(await freeze.release(), result, 'a second release answers the same');
});

void t.test('disarm leaves nothing behind', async (t) => {
  const { writers, intentFiles } = setUp(t);
  const cgroup = makeCgroup(t);
  const armed = await arm(writers, [cgroup]);
  await armed.disarm();
  t.same(intentFiles(), []);
  t.notOk(cgroup.requested());
});

void t.test('a parent and its child cgroup can be frozen together', async (t) => {
  const { writers } = setUp(t);
  const parent = makeCgroup(t);
  const child = makeCgroup(t, parent);
  await child.start('/usr/bin/sleep', '1000');
  const freeze = await (await arm(writers, [parent, child])).freeze();
  t.ok(parent.frozen() && child.frozen());
  t.match(await freeze.release(), { unbroken: true });
  await child.remove();
});

void t.test(
  'G3 a freeze that failed is taken back on every target, also on the one that never stood still',
  async (t) => {
    const { writers, intentFiles } = setUp(t);
    const [quiet, stuck] = [makeCgroup(t), makeCgroup(t)];
    await quiet.start('/usr/bin/sleep', '1000');
    await makeStuckWriter(t, stuck);
    const armed = await arm(writers, [quiet, stuck], 200);
    const error = await armed.freeze().catch((reason: unknown) => reason);
    t.match(error, { code: 'FREEZE_FAILED', message: stuck.cgroup });
    t.notMatch(error, { message: quiet.cgroup }, 'the one that did stand still is not blamed');
    t.notOk(quiet.requested(), 'the quiet one is thawed');
    t.notOk(stuck.requested(), 'the stuck one will not freeze later');
    t.same(intentFiles(), []);
  },
);

void t.test('G3 a freeze that fails half way through its targets is taken back', async (t) => {
  const { writers } = setUp(t);
  const [first, vanishing] = [makeCgroup(t), makeCgroup(t)];
  const armed = await arm(writers, [first, vanishing]);
  await vanishing.remove();
  await t.rejects(armed.freeze(), { code: 'FREEZE_FAILED' });
  t.notOk(first.requested());
});

void t.test('T10 a cgroup that somebody else froze is refused, and stays frozen', async (t) => {
  const { writers, intentFiles } = setUp(t);
  const [ours, theirs] = [makeCgroup(t), makeCgroup(t)];
  await theirs.start('/usr/bin/sleep', '1000');
  theirs.freezeByHand();
  const armed = await arm(writers, [ours, theirs]);
  await t.rejects(armed.freeze(), { code: 'FREEZE_FAILED', message: theirs.cgroup });
  t.ok(theirs.requested(), 'theirs is left as it was');
  t.notOk(ours.requested(), 'ours was not touched');
  t.same(intentFiles(), []);
});

void t.test(
  'G6 of two overlapping freezes of one cgroup the second is refused and the first stays unbroken',
  async (t) => {
    const { writers } = setUp(t);
    const [shared, other] = [makeCgroup(t), makeCgroup(t)];
    await shared.start('/usr/bin/sleep', '1000');
    const first = await arm(writers, [shared]);
    const second = await arm(writers, [other, shared]);
    const freeze = await first.freeze();
    await t.rejects(second.freeze(), { code: 'FREEZE_FAILED', message: shared.cgroup });
    t.ok(shared.frozen());
    t.notOk(other.requested());
    t.match(await freeze.release(), { unbroken: true });
  },
);

void t.test('a thaw by somebody else voids the round, also when the freeze was restored at once', async (t) => {
  const { writers } = setUp(t);
  const cgroup = makeCgroup(t);
  await cgroup.start('/usr/bin/sleep', '1000');
  const freeze = await (await arm(writers, [cgroup])).freeze();
  cgroup.thawByHand();
  cgroup.freezeByHand();
  const result = await freeze.release();
  t.match(result, { unbroken: false, reason: /somebody else/ });
});

void t.test('a cgroup made again during the freeze voids the round, and the new one is left alone', async (t) => {
  const { writers, intentFiles } = setUp(t);
  const [cgroup, other] = [makeCgroup(t), makeCgroup(t)];
  const freeze = await (await arm(writers, [cgroup, other])).freeze();
  await cgroup.remove();
  cgroup.recreate();
  cgroup.freezeByHand();
  const result = await freeze.release();
  t.match(result, { unbroken: false });
  t.ok(cgroup.requested(), 'the new cgroup is not ours to thaw');
  t.notOk(other.requested(), 'ours is thawed');
  t.same(intentFiles(), []);
});

void t.test('a killed process in a frozen cgroup does not void the round', async (t) => {
  const { writers } = setUp(t);
  const cgroup = makeCgroup(t);
  const child = await cgroup.start('/usr/bin/sleep', '1000');
  const freeze = await (await arm(writers, [cgroup])).freeze();
  child.kill('SIGKILL');
  t.match(await freeze.release(), { unbroken: true });
});

/** Nothing stays frozen: whoever is stopped or killed, and whenever. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createCommandRunner } from '#src/adapters/command-runner/index.js';
import { createCgroupWriters } from '#src/adapters/freezer-cgroup/index.js';
import { readCommand, readProcessStat } from '#src/native/proc.js';
import { makeCgroup, type TestCgroup } from '../support/cgroups.js';
import { startFreezer } from '../support/freezer-process.js';
import { requireCgroups } from '../support/requirements.js';
import { temporaryDirectory } from '../support/temp.js';
import { until } from '../support/until.js';

requireCgroups(t);

const LONG_MS = 600_000;
const SHORT_MS = 200;

async function makeWriter(t: Test): Promise<TestCgroup> {
  const cgroup = makeCgroup(t);
  await cgroup.start('/usr/bin/sleep', '1000');
  return cgroup;
}

/** Waits until the guard's limit is over: it thaws a cgroup that was frozen by hand when it gives up. */
async function pastTheLimit(t: Test, cgroup: TestCgroup | undefined): Promise<void> {
  t.ok(cgroup);
  cgroup?.freezeByHand();
  await until('the guard gives up', () => cgroup?.requested() === false);
}

/** The guard that this process has started. */
function guardOf(pid: number): number {
  const children = readdirSync(`/proc/${String(pid)}/task`).flatMap((task) =>
    readFileSync(`/proc/${String(pid)}/task/${task}/children`, 'utf8').split(' '),
  );
  return Number(children.find((child) => readCommand(Number(child)).includes('guard-main')) ?? 0);
}

function intentFiles(stateDirectory: string): readonly string[] {
  const directory = join(stateDirectory, 'freeze');
  return existsSync(directory) ? readdirSync(directory) : [];
}

function writersOver(stateDirectory: string) {
  return createCgroupWriters({ stateDirectory, runner: createCommandRunner() });
}

void t.test('G1 the guard thaws at the limit while the process that froze is stopped', async (t) => {
  const state = temporaryDirectory(t);
  const cgroup = await makeWriter(t);
  const freezer = await startFreezer(t, state, SHORT_MS, [cgroup], { SNAPCOMMIT_STOP_AT: 'freeze.frozen' });
  await until('it is stopped', () => readProcessStat(freezer.child.pid ?? 0)?.state === 'T');
  await until('the limit has passed', () => !cgroup.requested());
  t.equal(intentFiles(state).length, 1, 'the intent stays until its owner has heard of it');

  freezer.signal('SIGCONT');
  t.equal(await freezer.line(), 'frozen');
  freezer.child.stdin?.write('release\n');
  t.match(JSON.parse(await freezer.line()), { unbroken: false, reason: /limit of 200 ms/ });
  await freezer.ended();
  t.same(intentFiles(state), []);
});

void t.test('G1 a release after the limit answers that the freeze lapsed', async (t) => {
  const cgroup = await makeWriter(t);
  const writers = writersOver(temporaryDirectory(t));
  const armed = await writers.arm('tx', await writers.resolve([cgroup.cgroup], []), SHORT_MS);
  const freeze = await armed.freeze();
  await until('the guard thaws', () => !cgroup.requested());
  t.match(await freeze.release(), { unbroken: false, reason: /limit/ });
});

void t.test('T10 a freeze that lapsed does not thaw what somebody else froze since', async (t) => {
  const cgroup = await makeWriter(t);
  const writers = writersOver(temporaryDirectory(t));
  const armed = await writers.arm('tx', await writers.resolve([cgroup.cgroup], []), SHORT_MS);
  const freeze = await armed.freeze();
  await until('the guard thaws', () => !cgroup.requested());
  cgroup.freezeByHand();
  t.match(await freeze.release(), { unbroken: false });
  t.ok(cgroup.requested());
});

void t.test(
  'T10 who slept as soon as all stood still does not undo, when it wakes, what somebody else froze',
  async (t) => {
    const state = temporaryDirectory(t);
    const cgroup = await makeWriter(t);
    const freezer = await startFreezer(t, state, SHORT_MS, [cgroup], { SNAPCOMMIT_STOP_AT: 'freeze.frozen' });
    await until('it is stopped', () => readProcessStat(freezer.child.pid ?? 0)?.state === 'T');
    await until('the limit has passed', () => !cgroup.requested());
    cgroup.freezeByHand();
    freezer.signal('SIGCONT');
    t.equal(await freezer.line(), 'frozen');
    freezer.child.stdin?.write('release\n');
    t.match(JSON.parse(await freezer.line()), { unbroken: false });
    await freezer.ended();
    await until('the guard has heard everything', () => readProcessStat(freezer.guardPid) === null);
    t.ok(cgroup.requested(), 'the guard thaws again only what was asked for after it had thawed');
  },
);

for (const point of ['freeze.before-first-cgroup', 'freeze.after-first-cgroup'] as const) {
  void t.test(`G1 who slept at ${point} until the guard had given up leaves nothing frozen`, async (t) => {
    const state = temporaryDirectory(t);
    const cgroups = [await makeWriter(t), await makeWriter(t)];
    const freezer = await startFreezer(t, state, SHORT_MS, cgroups, { SNAPCOMMIT_STOP_AT: point });
    await until('it is stopped', () => readProcessStat(freezer.child.pid ?? 0)?.state === 'T');
    await pastTheLimit(t, cgroups[0]);
    freezer.signal('SIGCONT');
    await freezer.ended();
    t.notOk(
      cgroups.some((cgroup) => cgroup.requested()),
      'what it froze too late is thawed',
    );
    t.same(intentFiles(state), []);
  });
}

void t.test('G1 who slept until the guard had given up and died leaves nothing frozen', async (t) => {
  const state = temporaryDirectory(t);
  const cgroups = [await makeWriter(t), await makeWriter(t)];
  const stop = { SNAPCOMMIT_STOP_AT: 'freeze.before-first-cgroup' };
  const freezer = await startFreezer(t, state, SHORT_MS, cgroups, stop);
  const owner = freezer.child.pid ?? 0;
  await until('it is stopped', () => readProcessStat(owner)?.state === 'T');
  await pastTheLimit(t, cgroups[0]);
  const guard = guardOf(owner);
  // It thaws and says so in one go: once it waits again, its last word is in the pipe.
  await until('the guard has said so', () => readProcessStat(guard)?.state === 'S');
  process.kill(guard, 'SIGKILL');
  await until('the guard is dead', () => readProcessStat(guard)?.state === 'Z');
  freezer.signal('SIGCONT');
  await freezer.ended();
  t.notOk(
    cgroups.some((cgroup) => cgroup.requested()),
    'nobody else is left to thaw it',
  );
  t.same(intentFiles(state), []);
});

void t.test('G4 who slept until the guard had given up, froze and was killed leaves nothing frozen', async (t) => {
  const state = temporaryDirectory(t);
  const cgroups = [await makeWriter(t), await makeWriter(t)];
  const points = { SNAPCOMMIT_STOP_AT: 'freeze.before-first-cgroup', SNAPCOMMIT_CRASH_AT: 'freeze.after-first-cgroup' };
  const freezer = await startFreezer(t, state, SHORT_MS, cgroups, points);
  await until('it is stopped', () => readProcessStat(freezer.child.pid ?? 0)?.state === 'T');
  await pastTheLimit(t, cgroups[0]);
  freezer.signal('SIGCONT');
  await freezer.ended();
  await until('everything is thawed', () => !cgroups.some((cgroup) => cgroup.requested()));
  await until('the intent is removed', () => intentFiles(state).length === 0);
  t.pass('thawed');
});

void t.test('G4 a guard that is known to be dead is no guard: nothing is frozen', async (t) => {
  const state = temporaryDirectory(t);
  const cgroup = await makeWriter(t);
  const writers = writersOver(state);
  const armed = await writers.arm('tx', await writers.resolve([cgroup.cgroup], []), LONG_MS);
  const guard = guardOf(process.pid);
  process.kill(guard, 'SIGKILL');
  await until('its end is known', () => readProcessStat(guard) === null);
  await new Promise((resolve) => setImmediate(resolve));
  await t.rejects(armed.freeze(), { code: 'FREEZE_FAILED', message: /nothing was frozen/ });
  t.notOk(cgroup.requested());
  t.same(intentFiles(state), []);
});

for (const point of ['freeze.after-first-cgroup', 'freeze.frozen'] as const) {
  void t.test(`G4 the guard thaws when the process that froze is killed at ${point}`, async (t) => {
    const state = temporaryDirectory(t);
    const cgroups = [await makeWriter(t), await makeWriter(t)];
    const freezer = await startFreezer(t, state, LONG_MS, cgroups, { SNAPCOMMIT_CRASH_AT: point });
    await freezer.ended();
    await until('everything is thawed', () => !cgroups.some((cgroup) => cgroup.requested()));
    await until('the intent is removed', () => intentFiles(state).length === 0);
    t.same(await writersOver(state).thawAll(false), [], 'nothing is left to do');
  });
}

for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT'] as const) {
  void t.test(`G4 a guard that is ended by ${signal} thaws first, and the round is void`, async (t) => {
    const state = temporaryDirectory(t);
    const cgroup = await makeWriter(t);
    const freezer = await startFreezer(t, state, LONG_MS, [cgroup]);
    t.equal(await freezer.line(), 'frozen');
    process.kill(freezer.guardPid, signal);
    await until('everything is thawed', () => !cgroup.requested());
    freezer.child.stdin?.write('release\n');
    t.match(JSON.parse(await freezer.line()), { unbroken: false, reason: new RegExp(signal) });
  });
}

void t.test('G4 when the guard is killed, release thaws and the round is void', async (t) => {
  const state = temporaryDirectory(t);
  const cgroup = await makeWriter(t);
  const freezer = await startFreezer(t, state, LONG_MS, [cgroup]);
  t.equal(await freezer.line(), 'frozen');
  process.kill(freezer.guardPid, 'SIGKILL');
  freezer.child.stdin?.write('release\n');
  t.match(JSON.parse(await freezer.line()), { unbroken: false, reason: /guard ended/ });
  t.notOk(cgroup.requested());
  t.same(intentFiles(state), []);
});

void t.test('G4 when the guard is stopped, its owner thaws in its place at the limit', async (t) => {
  const state = temporaryDirectory(t);
  const cgroup = await makeWriter(t);
  const freezer = await startFreezer(t, state, SHORT_MS, [cgroup]);
  t.equal(await freezer.line(), 'frozen');
  process.kill(freezer.guardPid, 'SIGSTOP');
  await until('everything is thawed', () => !cgroup.requested());
  t.pass('thawed');
});

void t.test('G4 when both are killed, thawAll thaws from the intent alone', async (t) => {
  const state = temporaryDirectory(t);
  const cgroup = await makeWriter(t);
  const freezer = await startFreezer(t, state, LONG_MS, [cgroup]);
  t.equal(await freezer.line(), 'frozen');
  process.kill(freezer.guardPid, 'SIGSTOP');
  freezer.signal('SIGKILL');
  await freezer.ended();
  process.kill(freezer.guardPid, 'SIGKILL');
  t.ok(cgroup.frozen(), 'nobody is left to thaw it');
  t.match(await writersOver(state).intents(), [{ transaction: 'tx-child', cgroups: [cgroup.cgroup] }]);

  t.same(await writersOver(state).thawAll(false), [{ cgroup: cgroup.cgroup, result: 'thawed', reason: null }]);
  t.notOk(cgroup.requested());
  t.same(await writersOver(state).thawAll(false), [], 'doing it twice is doing it once');
  t.same(intentFiles(state), []);
});

void t.test('L2 a machine that slept through the limit thaws when it wakes, and the freeze is void', async (t) => {
  const state = temporaryDirectory(t);
  const uptimeFile = join(state, 'uptime');
  const sleepFor = (seconds: number): void => {
    const [uptime = ''] = readFileSync('/proc/uptime', 'utf8').split(' ');
    writeFileSync(uptimeFile, `${String(Number(uptime) + seconds)} 0.00\n`);
  };
  sleepFor(0);
  const writers = createCgroupWriters({ stateDirectory: state, runner: createCommandRunner(), uptimeFile });
  const cgroup = await makeWriter(t);
  const targets = await writers.resolve([cgroup.cgroup], []);
  const limitMs = 10_000;
  await t.test('the guard sees it', async (t) => {
    const freeze = await (await writers.arm('guard', targets, limitMs)).freeze();
    sleepFor(3_600);
    await until('the guard thaws', () => !cgroup.requested());
    t.match(await freeze.release(), { unbroken: false, reason: /slept for 3[56]\d{5} ms, and the limit of 10000 ms/ });
  });
  sleepFor(0);
  await t.test('its owner sees it first', async (t) => {
    const freeze = await (await writers.arm('owner', targets, limitMs)).freeze();
    sleepFor(3_600);
    const released = await freeze.release();
    t.match(released, { unbroken: false, reason: /the machine slept/ });
    t.ok(released.stallMs >= 3_500_000, 'the writers stood still as long as the machine');
    t.notOk(cgroup.requested());
  });
  sleepFor(0);
  await t.test('a short sleep voids nothing', async (t) => {
    const freeze = await (await writers.arm('short', targets, limitMs)).freeze();
    sleepFor(1);
    t.match(await freeze.release(), { unbroken: true, reason: null });
  });
});

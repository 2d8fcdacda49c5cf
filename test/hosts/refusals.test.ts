// test-timeout-seconds: 240
/**
 * A host on which something is wrong: the transaction is aborted with a message that names the host, what on it, and why;
 * everything runs again, and once it is mended the next commit works.
 */
import { closeSync, openSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { at, textAt } from '../support/answers.js';
import { requireBtrfs, requireCgroups, requireCommand } from '../support/requirements.js';
import { makeStuckWriter } from '../support/stuck-writer.js';
import { until } from '../support/until.js';
import { tool } from '../support/world.js';
import { problemsAfterRecovery } from './check-fleet.js';
import { makeFleet } from './fleet.js';
import { longestStallDuring } from './stall-watch.js';
import { COMMIT } from './trial.js';

requireBtrfs(t);
requireCgroups(t);
requireCommand(t, 'nft');

/** What the group promises; and how late a guard may get the processor on a busy machine. */
const STALL_LIMIT_MS = 2_000;
const SCHEDULED_MS = 1_000;

const fleet = await makeFleet(t, {
  stallLimit: `${String(STALL_LIMIT_MS)}ms`,
  settings: { takeOverGraceMs: 500, lockWaitMs: 4_000, logTimeoutMs: '6s' },
});
const coordinator = fleet.host(0);
const ill = fleet.host(1);
const [volume] = ill.volumes;
if (volume === undefined) throw new Error('each host has a volume');

/** A commit that must fail with this code and say all of `words`; nobody's writers stand still for longer than the limit. */
async function assertRefused(t: Test, code: RegExp, ...words: readonly RegExp[]): Promise<void> {
  const stalledMs = await longestStallDuring(fleet.hosts, async () => {
    const { status, json, stderr } = await coordinator.cli(COMMIT);
    t.ok(status === 5 || status === 6, `it is aborted, or was not begun: status ${String(status)} ${stderr}`);
    t.match(at(json, 'error.code'), code);
    for (const word of words) t.match(textAt(json, 'error.message'), word);
  });
  for (const { node, cgroup } of fleet.hosts) t.notOk(cgroup.requested(), `the writers on ${node} run`);
  t.ok(
    stalledMs < STALL_LIMIT_MS + SCHEDULED_MS,
    `nobody stood still for more than ${String(Math.round(stalledMs))} ms`,
  );
}

/** A node that believes nobody's certificate cannot ask the log: it says that its clock is the reason, and what to do. */
async function assertKnowsItself(t: Test): Promise<void> {
  const reason = /refused here: the clock of node n1 is at least 3\d{3} s behind .*Set the clock that is wrong/s;
  for (const command of [COMMIT, ['status'], ['list', 'app']]) {
    const { status, json, stdout } = await ill.cli(command);
    t.equal(status, 6, stdout);
    t.equal(at(json, 'error.code'), 'CLOCK_SKEW', command.join(' '));
    t.match(textAt(json, 'error.message'), reason);
  }
  t.match(await ill.ask('status', '--stale'), { stale: true }, 'what it has it tells all the same');
  const doctor = await ill.read('doctor');
  t.match(doctor.stdout, /n1 reaches no majority, since clocks differ too much: .* the clock of node n1 is at least/);
  t.match((await ill.read('cluster', 'status')).stdout, reason);
  const told = await coordinator.read('cluster', 'status');
  t.match(told.stdout, /n1 cannot be reached: .*the clock of node n1 is at least 3\d{3} s behind/);
}

const isProblem = ({ result }: { readonly result: string }): boolean => result === 'problem' || result === 'missing';

async function assertMended(t: Test): Promise<void> {
  const { status, stderr } = await coordinator.cli(COMMIT);
  t.equal(status, 0, stderr);
  t.strictSame(await problemsAfterRecovery(fleet), []);
  const doctor = await ill.cli(['doctor']);
  const problems = (at(doctor.json, 'checks') as readonly { readonly result: string }[]).filter(isProblem);
  t.strictSame(problems, [], 'doctor finds nothing any more');
}

await t.test('a volume’s disk is full on another host', async (t) => {
  const ballast = join(volume.live, 'ballast');
  fill(ballast);
  await assertRefused(t, /NO_SPACE/, /node n1/, /n1v0/, /free/);
  rmSync(ballast);
  // Emptied block groups come back some time later only: a larger disk gives room at once.
  truncateSync(volume.image, 400 << 20);
  tool('losetup', '--set-capacity', tool('findmnt', '-no', 'SOURCE', volume.mount).trim());
  tool('btrfs', 'filesystem', 'resize', 'max', volume.mount);
  await assertMended(t);
});

await t.test('a volume’s filesystem is read-only on another host', async (t) => {
  tool('mount', '-o', 'remount,ro', volume.mount);
  try {
    await assertRefused(t, /./, /node n1/, /n1v0/, /read-only|EROFS/i);
  } finally {
    tool('mount', '-o', 'remount,rw', volume.mount);
  }
  await assertMended(t);
});

await t.test('G3 a cgroup on another host never stands still', async (t) => {
  await t.test('while it is stuck', async (t) => {
    await makeStuckWriter(t, ill.cgroup);
    await assertRefused(t, /FREEZE_FAILED/, /node n1/, new RegExp(ill.cgroup.cgroup));
  });
  await assertMended(t);
});

await t.test('a state directory’s disk is full on another host', async (t) => {
  ill.member.disk.fill();
  await assertRefused(t, /^STORE_FULL$/, /node n1: this node cannot follow the log: the disk of .* is full; make room/);
  ill.member.disk.relieve();
  if (ill.member.isRunning) await ill.kill();
  await ill.restart();
  await fleet.together();
  await assertMended(t);
});

for (const [off, offset, reason] of [
  // Its peers hear its time with its survey.
  ['ahead', 3_600, /the clock of node n1 \(volumes n1v0, n1v1\) is 3[56]\d{2} s ahead of that of n0/],
  // It does not believe the peers' certificates, which are from its future, and says so to whoever calls it.
  ['behind', -3_600, /the clock of node n1 is at least 3\d{3} s behind .*Node n1 has volumes n1v0, n1v1/],
] as const) {
  await t.test(`a clock on another host is an hour ${off}`, async (t) => {
    await ill.kill();
    ill.member.start(offset);
    await ill.member.serves();
    // Until they have met again it is only known to be away.
    await until('its clock is known', async () => {
      const { json } = await coordinator.cli(COMMIT);
      return at(json, 'error.code') === 'CLOCK_SKEW';
    });
    await assertRefused(t, /^CLOCK_SKEW$/, reason);
    if (off === 'behind') await assertKnowsItself(t);
    await ill.kill();
    await ill.restart();
    await fleet.together();
    await assertMended(t);
  });
}

/** Takes all the room that data may take. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (const bytes = Buffer.alloc(1 << 20, 1); ;) writeSync(file, bytes);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
  } finally {
    closeSync(file);
  }
}

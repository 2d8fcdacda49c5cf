/**
 * A freeze that goes wrong: it lasts too long, does not take hold, or its cgroup is another one at the end. Writers run
 * again within the limit, and nothing that was staged meanwhile passes for a barrier.
 */
import { mkdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { at, textAt } from '../support/answers.js';
import { makeCgroup } from '../support/cgroups.js';
import { problemsOf } from '../support/check-world.js';
import { isStopped } from '../support/power-loss.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { startStopped } from '../support/scenario.js';
import { makeStuckWriter } from '../support/stuck-writer.js';
import { until } from '../support/until.js';
import { makeWorld, readMarker } from '../support/world.js';

requireBtrfs(t);
requireCgroups(t);

const world = await makeWorld(t, { freeze: true });
const { cgroup } = world;
if (cgroup === null) throw new Error('this world has no cgroup');
await world.ask('commit', 'app');

for (const point of ['freeze.frozen', 'stage.after'] as const) {
  await t.test(`G1 a commit stopped at ${point} keeps nobody frozen beyond the limit`, async (t) => {
    await world.ask('group', 'update', 'app', '--stall-limit', '1s');
    world.mark(`before ${point}`);
    const running = await startStopped(t, world, ['--json', 'commit', 'app'], `${point}#1`);
    t.ok(cgroup.frozen(), 'it stands still at first');
    await until('the guard has thawed it', () => !cgroup.frozen() && !cgroup.requested());
    t.ok(isStopped(running.child.pid), 'the commit did not do it');
    world.mark(`after ${point}`);
    running.resume();
    const { status, json, stderr } = await running.done;
    t.equal(status, 0, stderr);
    t.match(stderr, /the limit of 1000 ms passed.*the round is void/, 'it says what happened');
    t.equal(at(json, 'consistency.grade'), 'barrier', 'the second round is one');
    await assertShown(t, json, `after ${point}`);
  });
}

await t.test('G1 where no round may follow, the commit is aborted and publishes nothing', async (t) => {
  const settings = join(world.stateDirectory, 'config.json');
  writeFileSync(settings, '{"roundsMax":1}');
  t.teardown(() => {
    rmSync(settings);
  });
  const before = at(await world.ask('status'), 'groups.0.generation');
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'stage.after#1');
  await until('the guard has thawed it', () => !cgroup.frozen() && !cgroup.requested());
  running.resume();
  const { status, json } = await running.done;
  t.equal(status, 5);
  t.equal(at(json, 'error.code'), 'FREEZE_LAPSED');
  t.equal(at(await world.ask('status'), 'groups.0.generation'), before);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('a cgroup that is made anew during the freeze voids the round', async (t) => {
  await world.ask('group', 'update', 'app', '--stall-limit', '10s');
  world.mark('before the new cgroup');
  const running = await startStopped(t, world, ['--json', 'commit', 'app'], 'stage.after#1');
  // Frozen processes can be killed; what comes under the same name is not what was frozen.
  writeFileSync(join(cgroup.directory, 'cgroup.kill'), '1');
  await until('it is empty', () => removed(cgroup.directory));
  mkdirSync(cgroup.directory);
  await cgroup.start('/usr/bin/sleep', 'infinity');
  world.mark('after the new cgroup');
  running.resume();
  const { status, json, stderr } = await running.done;
  t.equal(status, 0, stderr);
  t.match(stderr, /the round is void/);
  await assertShown(t, json, 'after the new cgroup');
});

await t.test('G3 a cgroup that never stands still aborts the commit, and everything runs again', async (t) => {
  const stuck = makeCgroup(t);
  await makeStuckWriter(t, stuck);
  await world.ask('group', 'update', 'app', '--stall-limit', '500ms', '--freeze-cgroup', cgroup.cgroup, stuck.cgroup);
  const { status, json } = await world.cli(['--json', 'commit', 'app']);
  t.equal(status, 5);
  t.equal(at(json, 'error.code'), 'FREEZE_FAILED');
  t.match(textAt(json, 'error.message'), stuck.cgroup, 'it names the cgroup');
  t.notMatch(textAt(json, 'error.message'), cgroup.cgroup, 'and no other');
  t.notOk(cgroup.requested() || cgroup.frozen(), 'what had frozen runs again');
  t.notOk(stuck.requested(), 'what might freeze later is not asked to any more');
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

/** The generation is a round's in which everybody stood still: what was written before it is in it. */
async function assertShown(t: Test, json: unknown, marker: string): Promise<void> {
  for (const index of [0, 1]) t.equal(readMarker(textAt(json, `volumes.${String(index)}.snapshot.path`)), marker);
  t.strictSame(await problemsOf(world, [marker]), []);
}

function removed(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

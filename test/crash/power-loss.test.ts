/**
 * A power loss at every crash point of every operation: the command stops itself there, the disks are copied as their
 * devices hold them, and recovery runs on the copies. The state directory lies on a disk of its own too.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { problemsOf, published } from '../support/check-world.js';
import { cutPower, cutPowerUnder } from '../support/power-loss.js';
import { requireBtrfs, requireCgroups } from '../support/requirements.js';
import { makeWorld, type World } from '../support/world.js';
import { OPERATIONS, passesOf, type CrashOperation } from './operations.js';
import { all, choose, makeRandom, seed } from './sample.js';

requireBtrfs(t);
requireCgroups(t);

const random = makeRandom(seed);
let tried = 0;
/** Volumes are worked on side by side, so a point passed once in the trace need not be passed again. */
let unreached = 0;
const WORLD = { freeze: true, hooks: true, stateOnImage: true } as const;
t.comment(`SEED=${String(seed)}${all ? ', every point' : ', a sample'}`);

await t.test('what was written and never synced is missing after the power loss, so that it can tell', async (t) => {
  const world = await makeWorld(t, WORLD);
  const files = [join(world.volume('db').live, 'unsynced'), join(world.directory, 'state', 'unsynced')];
  for (const file of files) writeFileSync(file, 'never synced');
  cutPower(world);
  for (const file of files) t.notOk(existsSync(file), file);
});

await t.test('D1 D4 D7 what a command acknowledged survives a power loss right after it', async (t) => {
  const world = await makeWorld(t, WORLD);
  for (const operation of OPERATIONS.slice(0, 4)) {
    const { args, allowed } = await operation.prepare(world);
    const result = await world.cli(args);
    t.equal(result.status, 0, `${operation.name} ${result.stderr}`);
    const before = { published: published(world), markers: world.liveMarkers() };
    cutPower(world);
    t.strictSame(published(world), before.published, `${operation.name}: the published generations`);
    if (operation.name !== 'commit')
      t.strictSame(world.liveMarkers(), before.markers, `${operation.name}: the live trees`);
    t.strictSame(
      await problemsOf(world, [...allowed, ...world.liveMarkers()]),
      [],
      `${operation.name}: everything, without recovery`,
    );
  }
});

for (const operation of OPERATIONS) {
  await t.test(
    `G12 D7 a power loss anywhere in ${operation.name} leaves the old or the new generation, whole`,
    async (t) => {
      const world = await makeWorld(t, WORLD);
      await world.ask('commit', 'app');
      const passes = await passesOf(world, operation);
      for (const pass of choose(passes, random)) {
        t.strictSame(await loseAndRecover(world, operation, pass), [], `${operation.name} at ${pass}`);
      }
      t.not(passes.length, 0, 'the operation passes crash points');
    },
  );
}

t.comment(`${String(tried)} power losses tried, ${String(tried - unreached)} reached`);
t.ok(unreached * 10 <= tried, 'nearly every point that was traced was reached');

async function loseAndRecover(world: World, operation: CrashOperation, pass: string): Promise<readonly string[]> {
  const { args, allowed } = await operation.prepare(world);
  // What the test itself wrote into the live trees must not be what is lost.
  const markers = world.liveMarkers();
  world.sync();
  tried += 1;
  if (!(await cutPowerUnder(world, world.start(args, { env: { SNAPCOMMIT_STOP_AT: pass } })))) unreached += 1;
  const recovered = await world.cli(['recover']);
  if (recovered.status !== 0) return [`recover: ${String(recovered.status)} ${recovered.stdout}${recovered.stderr}`];
  return problemsOf(world, [...allowed, ...markers]);
}

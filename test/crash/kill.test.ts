/**
 * SIGKILL at every crash point of every operation on real btrfs, then recovery, then a look from outside: the old
 * generation or the new one, as a whole. `npm test` tries a seeded sample, `npm run crash` all.
 */
import t from 'tap';
import { problemsOf } from '../support/check-world.js';
import { requireCgroups } from '../support/requirements.js';
import { requireVolumes } from '../support/volume-kinds.js';
import { makeWorld, type World } from '../support/world.js';
import { OPERATIONS, passesOf, type CrashOperation } from './operations.js';
import { all, choose, makeRandom, seed, some } from './sample.js';

requireVolumes(t);
requireCgroups(t);

const random = makeRandom(seed);
let tried = 0;
/** Volumes are worked on side by side, so a point passed once in the trace need not be passed again. */
let unreached = 0;
t.comment(`SEED=${String(seed)}${all ? ', every point' : ', a sample'}`);

/** One for all operations, as they are in life; where one has left something wrong, the next gets another. */
let common: World | null = null;

async function makeCommon(): Promise<World> {
  const world = await makeWorld(t, { freeze: true, hooks: true });
  await world.ask('commit', 'app');
  return world;
}

const plain = OPERATIONS.filter(({ name }) => !name.startsWith('recover'));
const recoveries = OPERATIONS.filter(({ name }) => name.startsWith('recover'));
for (const operation of [...plain, ...some(recoveries, random)]) {
  await t.test(
    `G8 G12 a SIGKILL anywhere in ${operation.name} leaves the old or the new generation, whole`,
    async (t) => {
      const world = (common ??= await makeCommon());
      // What a swap and a look take depends, over ZFS, on how many generations there are.
      await world.ask('prune', 'app', '--keep-last', '1');
      const passes = await passesOf(world, operation);
      t.not(passes.length, 0, 'the operation passes crash points');
      t.strictSame(await problemsOf(world, world.liveMarkers()), [], 'unharmed, it leaves nothing behind');
      for (const pass of choose(passes, random)) {
        tried += 1;
        t.strictSame(await crashAndRecover(world, operation, pass), [], `${operation.name} at ${pass}`);
      }
      if (!t.passing()) common = null;
    },
  );
}
t.comment(`${String(tried)} crash points tried, ${String(tried - unreached)} reached`);
t.ok(unreached * 10 <= tried, 'nearly every point that was traced was reached');

async function crashAndRecover(world: World, operation: CrashOperation, pass: string): Promise<readonly string[]> {
  const { args, allowed } = await operation.prepare(world);
  const crashed = await world.cli(args, { env: { SNAPCOMMIT_CRASH_AT: pass } });
  if (crashed.signal !== 'SIGKILL') {
    if (crashed.status !== 0) return [`not killed: ${String(crashed.status)} ${crashed.stdout}${crashed.stderr}`];
    unreached += 1;
  }
  const recovered = await world.cli(['recover']);
  if (recovered.status !== 0) return [`recover: ${String(recovered.status)} ${recovered.stdout}${recovered.stderr}`];
  return problemsOf(world, allowed);
}

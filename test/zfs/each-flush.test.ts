// test-timeout-seconds: 1500
/**
 * A power loss right after any flush of an operation: its writes are logged by the kernel, played back up to that flush, and
 * recovery runs on what a disk would have held. A seeded sample of the flushes; SNAPCOMMIT_CRASH_POINTS=all takes all.
 */
import { execFileSync } from 'node:child_process';
import t from 'tap';
import { OPERATIONS, type CrashOperation } from '../crash/operations.js';
import { all, makeRandom, seed } from '../crash/sample.js';
import { problemsOf } from '../support/check-world.js';
import { OneDiskWorld } from './one-disk.js';
import { readWriteLog, replay } from './write-log.js';

const SAMPLE = 3;
const random = makeRandom(seed);
let tried = 0;
for (const module of ['dm-log-writes', 'dm-snapshot']) execFileSync('modprobe', [module]);
t.comment(`SEED=${String(seed)}${all ? ', every flush' : ', a sample'}`);

for (const operation of OPERATIONS.slice(0, 4)) {
  await t.test(
    `G12 D7 a power loss after any flush of ${operation.name} leaves the old or the new generation, whole`,
    async (t) => {
      const world = new OneDiskWorld(t);
      await world.make();
      const { log, before, allowed } = await logOf(world, operation);
      const entries = readWriteLog(log);
      const flushes = entries.flatMap(({ isFlush }, index) => (isFlush ? [index + 1] : []));
      t.not(flushes.length, 0, `${operation.name} flushes ${String(flushes.length)} times`);
      let played = 0;
      for (const end of chosen(flushes)) {
        replay(log, entries.slice(played, end), before);
        played = end;
        const problems = await world.on(before, async () => recoveredProblems(world, allowed));
        t.strictSame(problems, [], `${operation.name}, the first ${String(end)} of ${String(entries.length)} writes`);
        tried += 1;
      }
    },
  );
}
t.comment(`${String(tried)} flushes tried, of commit, transact, restore and prune`);

async function logOf(
  world: OneDiskWorld,
  operation: CrashOperation,
): Promise<{ log: string; before: string; allowed: readonly string[] }> {
  const { args, allowed } = await operation.prepare(world);
  const markers = world.liveMarkers();
  const { log, before } = await world.logged(async () => world.ask(...args));
  const after = world.liveMarkers();
  world.leave();
  return { log, before, allowed: [...allowed, ...markers, ...after] };
}

async function recoveredProblems(world: OneDiskWorld, allowed: readonly string[]): Promise<readonly string[]> {
  const { status, stdout, stderr } = await world.cli(['recover']);
  if (status !== 0) return [`recover: ${String(status)} ${stdout}${stderr}`];
  return problemsOf(world, allowed);
}

function chosen(flushes: readonly number[]): readonly number[] {
  if (all || flushes.length <= SAMPLE) return flushes;
  const size = flushes.length / SAMPLE;
  // One of each stretch, so that all of the operation is covered.
  return Array.from({ length: SAMPLE }, (_, index) => flushes[Math.floor((index + random()) * size)] ?? 0);
}

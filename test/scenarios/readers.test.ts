// test-timeout-seconds: 2400
/**
 * Readers never see a mix: the view, `open` and `exec`, without pause, through hundreds of commits and through crashes
 * at points of every phase, before anybody has recovered.
 */
import t, { type Test } from 'tap';
import { commitSome } from '../crash/operations.js';
import { makeRandom, seed, some } from '../crash/sample.js';
import { problemsOf } from '../support/check-world.js';
import type { CliResult } from '../support/run-cli.js';
import { startReader, type Sightings } from '../support/readers.js';
import { requireVolumes, share } from '../support/volume-kinds.js';
import { makeWorld } from '../support/world.js';

requireVolumes(t);

const COMMITS = share(200);
const SWAPS = share(6);

/** Where a command is killed. `#2`: at its second call, where there are several; volumes of one pool are renamed by one. */
const CRASHES = [
  ['commit', 'stage.after-first'],
  ['commit', 'commit.before'],
  ['commit', 'commit.after'],
  ['commit', 'publish.after-rename'],
  ['commit', 'publish.after-rename#2'],
  ['commit', 'view.directory-made'],
  ['commit', 'view.before-flip'],
  ['commit', 'view.after-flip'],
  ['commit', 'published.before'],
  ['transact', 'seal.after'],
  ['transact', 'exchange.after-exchange'],
  ['transact', 'view.before-flip'],
] as const;

/** So many of them at least, where a share of all is asked for. */
const CRASHES_MIN = 5;

const world = await makeWorld(t);
const calls = new Set(world.volumes.map(({ name, dataset }) => dataset?.split('/')[0] ?? name)).size;
const points = CRASHES.filter(([, point]) => calls > 1 || !point.endsWith('#2'));
const crashes = some(points, makeRandom(seed), CRASHES_MIN);
t.comment(`SEED=${String(seed)}`);

await t.test(`G12 the view and open show no mix through ${String(COMMITS)} commits`, async (t) => {
  await commitSome(world, 1);
  const stops = [startReader(t, world, 'view'), startReader(t, world, 'open')];
  await commitSome(world, COMMITS);
  const [view, open] = await Promise.all(stops.map(async (stop) => stop()));
  assertSound(t, 'the view', view, COMMITS / 4);
  assertSound(t, 'open', open, COMMITS / 10);
});

await t.test('exec shows one generation at all live paths, whatever is committed meanwhile', async (t) => {
  const script = world.volumes.map(({ live }) => `cat ${live}/marker; echo`).join('; ');
  const over = new AbortController();
  const seen: string[] = [];
  const reading = (async () => {
    while (!over.signal.aborted) {
      const result = await world.cli(['exec', 'app', '--', '/bin/sh', '-c', `${script}; sleep 0.05; ${script}`]);
      t.equal(result.status, 0, result.stderr);
      const markers = new Set(result.stdout.trim().split('\n'));
      t.equal(markers.size, 1, `one generation is seen, before and after a pause: ${[...markers].join(', ')}`);
      seen.push(...markers);
    }
  })();
  // Until exec has met a few generations: it starts a process, a commit does not.
  while (new Set(seen).size < share(6)) await commitSome(world, 5);
  over.abort();
  await reading;
});

await t.test('G8 G12 readers see no mix through crashes, and none before recovery', async (t) => {
  await keepFew(t);
  const stops = [startReader(t, world, 'view'), startReader(t, world, 'open')];
  for (const [command, point] of crashes) {
    await crash(t, command, point);
    const opened = await world.cli(['open', 'app']);
    t.equal(opened.status, 0, `open works before recovery, after ${command} at ${point}: ${opened.stderr}`);
    const recovered = await world.cli(['recover']);
    t.equal(recovered.status, 0, recovered.stderr);
    await commitSome(world, 2);
  }
  const [view, open] = await Promise.all(stops.map(async (stop) => stop()));
  assertSound(t, 'the view', view, crashes.length);
  assertSound(t, 'open', open, crashes.length);
  t.strictSame(await problemsOf(world, world.liveMarkers()), []);
});

await t.test('open beside swaps that are being published never waits in vain, and nor do they', async (t) => {
  await keepFew(t);
  const stops = [startReader(t, world, 'open'), startReader(t, world, 'open')];
  for (let swap = 1; swap <= SWAPS; swap += 1) {
    const script = world.volumes.map(({ live }) => `printf %s swap-${String(swap)} > ${live}/marker`).join('; ');
    const { status, stderr } = await world.cli(['transact', 'app', '--', '/bin/sh', '-c', script]);
    t.equal(status, 0, stderr);
  }
  for (const seen of await Promise.all(stops.map(async (stop) => stop()))) assertSound(t, 'open', seen, SWAPS / 2);
  t.strictSame(await problemsOf(world, [`swap-${String(SWAPS)}`]), []);
});

/** What a swap takes depends, over ZFS, on how many generations there are. */
async function keepFew(t: Test): Promise<void> {
  await commitSome(world, 1);
  const { status, stderr } = await world.cli(['prune', 'app', '--keep-last', '3']);
  t.equal(status, 0, stderr);
}

async function crash(t: Test, command: 'commit' | 'transact', point: string): Promise<void> {
  const marker = `${command} killed at ${point}`;
  if (command === 'commit') world.mark(marker);
  const script = world.volumes.map(({ live }) => `printf %s '${marker}' > ${live}/marker`).join('; ');
  const args = command === 'commit' ? ['commit', 'app'] : ['transact', 'app', '--', '/bin/sh', '-c', script];
  const attempt = async (): Promise<CliResult> => world.cli(args, { env: { SNAPCOMMIT_CRASH_AT: point } });
  let result = await attempt();
  // Whoever opens what is committed publishes it, too, and may come to the point first: then the command just ends.
  for (let more = 4; more > 0 && result.status === 0; more -= 1) result = await attempt();
  t.equal(result.signal, 'SIGKILL', `${marker} ${result.stderr}`);
}

function assertSound(t: Test, what: string, seen: Sightings | undefined, leastGenerations: number): void {
  t.strictSame(seen?.problems, [], `${what} shows one whole generation at every look, and never an older one`);
  t.ok((seen?.generations ?? 0) >= leastGenerations, `${what} was looked at often enough: ${JSON.stringify(seen)}`);
}

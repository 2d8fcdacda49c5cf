/** The kernel's own count of what is synced, and what happens when a sync fails. Needs strace. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { initEmbeddedLog } from '#src/daemon/embedded-log.js';
import { isSync, traced } from './traced.js';
import { childCommand, freshDirectory, hasTool, identity, run, withLog } from './support.js';

async function initialised(t: Test): Promise<string> {
  const directory = freshDirectory(t);
  await initEmbeddedLog(directory, identity);
  return directory;
}

/** How many syncs stand before the first acknowledgement, between each two, and after the last. */
function syncsByAnswer(calls: readonly string[]): readonly number[] {
  const counts = [0];
  for (const line of calls) {
    if (isSync(line)) counts[counts.length - 1] = (counts.at(-1) ?? 0) + 1;
    else if (line.includes('"chosen ')) counts.push(0);
  }
  return counts;
}

t.test('D4 single replica acknowledges only after the sync, and there is exactly one for an append', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await initialised(t);
  const { calls, status } = await traced(t, 'fsync,fdatasync,write', childCommand('append', directory, 'v', '100'));
  t.equal(status, 0);
  const counts = syncsByAnswer(calls);
  t.equal(counts.length, 101);
  // What SQLite does beside the commits, all of it bounded: the first commit makes the WAL (its header, its directory);
  // the checkpoint at slot 64 folds the WAL (the WAL, the database) and the commit after it starts the WAL anew (its
  // header); closing folds once more.
  const extra = new Map([
    [1, 2],
    [64, 2],
    [65, 1],
  ]);
  for (let n = 1; n <= 100; n += 1) t.equal(counts[n - 1], 1 + (extra.get(n) ?? 0), `syncs for append ${String(n)}`);
  t.equal(counts[100], 2, 'closing');
});

t.test('reading syncs nothing', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await initialised(t);
  await run(t, childCommand('append', directory, 'v', '3'));
  const { calls, stdout } = await traced(t, 'fsync,fdatasync', childCommand('read', directory));
  t.equal(stdout, '3 3\n');
  t.same(calls.filter(isSync), []);
});

t.test('D7 every directory in which something was made is synced before anyone is told', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const root = freshDirectory(t);
  const directory = join(root, 'made', 'log');
  const init = await traced(t, 'fsync,fdatasync,link,linkat', childCommand('init', directory));
  t.equal(init.status, 0);
  const at = (pattern: RegExp): number => init.calls.findIndex((line) => pattern.test(line));
  const link = at(/link(at)?\(.*log\.sqlite"/);
  const synced = at(/fsync\(\d+<[^>]*log\.sqlite\.new-\d+>/);
  t.ok(synced >= 0 && synced < link, 'the store is synced before it gets its name');
  const named = init.calls.slice(link).some((line) => isSync(line) && line.includes(`<${directory}>`));
  t.ok(named, 'the name is synced');
  for (const parent of [root, join(root, 'made')])
    t.ok(at(new RegExp(`fsync\\(\\d+<${parent}>`)) >= 0, `${parent} is synced`);

  const append = await traced(t, 'fsync,fdatasync,write', childCommand('append', directory, 'v', '1'));
  const told = append.calls.findIndex((line) => line.includes('"chosen '));
  const wal = append.calls.slice(0, told).some((line) => isSync(line) && line.includes(`<${directory}>`));
  t.ok(wal, "the WAL's name is synced before the first answer");
});

t.test('D6 after a failed sync the answer is unknown and nothing more is done', async (t) => {
  if (!hasTool(t, 'strace')) return;
  const directory = await initialised(t);
  // The first append makes three syncs (see above), so the fourth is the second append's.
  const fault = ['-e', 'inject=fsync,fdatasync:error=EIO:when=4'];
  const failed = await traced(t, 'fsync,fdatasync', childCommand('append', directory, 'v', '4'), ...fault);
  t.same(failed.stdout.trim().split('\n'), ['chosen 1 v1', 'unknown', 'LOG_LATCHED', 'LOG_LATCHED']);
  await withLog(directory, async (log) => {
    const { applied, volumes } = await log.read();
    t.ok(applied === 1 || applied === 2, 'the entry is there whole or not at all');
    t.equal(Object.keys(volumes).length, applied);
  });
});

t.test('D6 a sync that fails while the WAL is folded takes back nothing, and stops what follows', async (t) => {
  if (!hasTool(t, 'strace')) return;
  for (const failing of [67, 68]) {
    const directory = await initialised(t);
    const fault = ['-e', `inject=fsync,fdatasync:error=EIO:when=${String(failing)}`];
    const { stdout } = await traced(t, 'fsync,fdatasync', childCommand('append', directory, 'v', '66'), ...fault);
    const lines = stdout.trim().split('\n');
    t.same(lines.slice(62), ['chosen 63 v63', 'chosen 64 v64', 'LOG_LATCHED', 'LOG_LATCHED']);
    await withLog(directory, async (log) => {
      t.equal((await log.read()).applied, 64);
      await log.scrub();
    });
  }
});

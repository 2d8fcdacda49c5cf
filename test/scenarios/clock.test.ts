/** A clock that steps back: commit times rise all the same, so that the order of generations is the order of their times. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { initNode, openNode, type SnapcommitNode } from '#src/index.js';
import { temporaryDirectory } from '../support/temp.js';

const HOUR_MS = 3_600_000;
const EMPTY_GROUP = {
  freezeCgroups: [],
  freezeUnits: [],
  stopUnits: [],
  preHooks: [],
  postHooks: [],
  require: null,
  stallLimitMs: 5000,
} as const;

await t.test('P10 committedAt rises although the clock steps back', async (t) => {
  const stateDirectory = join(temporaryDirectory(t), 'state');
  await initNode({ stateDirectory, node: 'host' });
  const source = join(temporaryDirectory(t), 'live');
  mkdirSync(source);
  const times: number[] = [];
  const now = Date.now;
  t.teardown(() => {
    Date.now = now;
  });
  const node = await openNode({ stateDirectory });
  t.teardown(() => {
    node.close();
  });
  await node.addVolume({ name: 'db', source, driver: 'directory', publishDirectory: null });
  await node.createGroup({ ...EMPTY_GROUP, name: 'app', volumes: ['db'] });
  for (const step of [0, -HOUR_MS, -24 * HOUR_MS, HOUR_MS]) {
    Date.now = () => now() + step;
    times.push(await commitTime(node));
  }
  for (const [index, time] of times.entries()) {
    if (index > 0) t.ok(time > (times[index - 1] ?? 0), `generation ${String(index + 1)} is later than the one before`);
  }

  await t.test('calendar rules refuse while the newest commit is dated ahead of the clock', async (t) => {
    Date.now = () => now() + 48 * HOUR_MS;
    await commitTime(node);
    Date.now = now;
    await commitTime(node);
    const none = { keepLast: 0, keepHourly: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };
    const before = await node.list('app');
    await t.rejects(node.prune({ group: 'app', rules: { ...none, keepDaily: 7 }, dryRun: false }), {
      code: 'UNAVAILABLE',
    });
    t.equal((await node.list('app')).length, before.length, 'nothing was removed');
    const { kept } = await node.prune({ group: 'app', rules: { ...none, keepLast: 2 }, dryRun: false });
    t.equal(kept.length, 2, 'the newest are kept by their number');
  });
});

async function commitTime(node: SnapcommitNode): Promise<number> {
  const { signal } = new AbortController();
  const request = { message: '', labels: {}, require: null, expectGeneration: null, requestId: null };
  const { committedAt } = await node.commit({ group: 'app', ...request, signal }, false);
  return Date.parse(committedAt);
}

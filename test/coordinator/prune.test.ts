/** Pruning, where something does not work after it was decided. */
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createFlockLocks } from '#src/adapters/locks-flock/index.js';
import { capture } from '#src/coordinator/commit.js';
import { prune, type Pruned } from '#src/coordinator/prune.js';
import { LocalNode } from '#src/daemon/local-node.js';
import { SnapcommitError } from '#src/errors.js';
import type { Context } from '#src/participant/context.js';
import { volumeLock } from '#src/participant/fence.js';
import type { ParticipantNode } from '../participant/participant-node.js';
import { commitRequest, coordinating, type Coordinating } from './coordinating.js';

const RULES = { keepLast: 1, keepHourly: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };
const gone = async (): Promise<never> => Promise.reject(new SnapcommitError('UNAVAILABLE', 'it is gone'));

interface TwoGenerations extends Coordinating {
  /** What was appended. */
  readonly appended: string[];
}

/** Its log cannot be read any more once it has taken `last`. */
async function twoGenerations(t: Test, last = ''): Promise<TwoGenerations> {
  const appended: string[] = [];
  const made = await coordinating(t, (log) => ({
    append: async (operation, request) => {
      const result = await log.append(operation, request);
      appended.push(operation.type);
      return result;
    },
    read: async () => (appended.includes(last) ? gone() : log.read()),
  }));
  for (let times = 0; times < 2; times += 1) await capture(made.context, commitRequest());
  return { ...made, appended };
}

async function pruneWith(context: Context, others: Partial<Context>): Promise<Pruned> {
  return prune({ ...context, ...others }, { group: 'app', rules: RULES, dryRun: false });
}

t.test('G10 what was retired is told as removed, whatever fails afterwards', async (t) => {
  const unread = await twoGenerations(t, 'retire');
  t.match(await pruneWith(unread.context, {}), { removed: [1] });
  t.match(unread.warnings, [/it is gone; `snapcommit recover` deletes the rest/]);

  const driverless = await twoGenerations(t);
  t.match(await pruneWith(driverless.context, { driver: gone }), { removed: [1] });
  t.match(driverless.warnings, [/^volume db: it is gone/]);

  const viewless = await twoGenerations(t);
  const files = { ...viewless.context.files, listNames: gone };
  t.match(await pruneWith(viewless.context, { files }), { removed: [1] });
  t.match(viewless.warnings, [/^view of group app: it is gone/]);
});

t.test('G10 so is a group that was removed', async (t) => {
  const { context, warnings, appended } = await twoGenerations(t, 'removeGroup');
  await new LocalNode(context).removeGroup('app', true);
  t.equal(appended.at(-1), 'removeGroup');
  t.match(warnings, [/^generations of group app: it is gone/, /^links of group app: it is gone/]);
});

t.test('what is committed while it looks is not taken for what readers have', async (t) => {
  let isLate = false;
  const { node, context } = await coordinating(t, (log) => ({
    generations: async (group) => {
      if (isLate) await commitUnpublished(node);
      return log.generations(group);
    },
  }));
  for (let times = 0; times < 2; times += 1) await capture(context, commitRequest());
  await commitUnpublished(node);
  isLate = true;
  const { removed } = await prune(context, { group: 'app', rules: RULES, dryRun: false });
  t.same(removed, [1], 'and what they have stays');
});

async function commitUnpublished(node: ParticipantNode): Promise<void> {
  const work = await node.begin('capture');
  await node.commit(work, [{ volume: 'db', node: 'alpha', driver: 'memory', staged: 's', id: 'id', swap: null }]);
}

t.test('a volume of another group is not waited for', async (t) => {
  const { node, context, warnings } = await twoGenerations(t);
  await node.addVolume('wal');
  const held = createFlockLocks(join(context.stateDirectory, 'locks')).tryAcquire(volumeLock('wal'), 'exclusive');
  const settings = { ...context.settings, takeOverGraceMs: 10, lockWaitMs: 10 };
  t.match(await pruneWith(context, { settings }), { removed: [1] });
  held?.release();
  t.same(warnings, []);
});

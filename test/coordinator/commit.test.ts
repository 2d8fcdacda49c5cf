/** A commit whose group, or whose generation, is not any more what it was. */
import t from 'tap';
import { capture } from '#src/coordinator/commit.js';
import { prune } from '#src/coordinator/prune.js';
import { SnapcommitError } from '#src/errors.js';
import type { GroupRecord } from '#src/machine/entry.js';
import type { ReplicatedLog } from '#src/ports/log.js';
import { commitRequest, coordinating } from './coordinating.js';

const RULES = { keepLast: 1, keepHourly: 0, keepDaily: 0, keepWeekly: 0, keepMonthly: 0, keepYearly: 0 };

t.test('G13 a group that is changed between the plan and its begin is not the one that was planned for', async (t) => {
  const plain: Partial<GroupRecord> = { preHooks: [], freezeCgroups: [], require: null };
  let change = plain;
  const { context } = await coordinating(t, (log) => ({
    append: async (operation, request) => {
      if (operation.type === 'begin') await update(log, change);
      return log.append(operation, request);
    },
  }));
  const update = async (log: ReplicatedLog, to: Partial<GroupRecord>): Promise<void> => {
    const { record } = (await log.read()).groups['app'] ?? {};
    if (record !== undefined) await log.append({ type: 'updateGroup', group: { ...record, ...to }, replaces: null });
  };
  const preHooks = ['/bin/quiesce'];
  const cases: readonly (readonly [before: Partial<GroupRecord>, then: Partial<GroupRecord>])[] = [
    [plain, { preHooks }],
    [{ preHooks }, { preHooks: [] }],
    [plain, { freezeCgroups: ['/app'] }],
    [plain, { require: 'application' }],
  ];
  for (const [before, then] of cases) {
    await update(context.log, before);
    change = then;
    const details = { group: 'app', begun: true };
    const expected = { code: 'BUSY', message: /^group app was changed/, details };
    await t.rejects(capture(context, commitRequest()), expected, JSON.stringify(then));
    t.same((await context.log.read()).open, {}, 'nothing is left open');
    await update(context.log, plain);
  }
  change = plain;
  t.match(await capture(context, commitRequest()), { record: { generation: 1 } }, 'an update to what it was is none');
});

t.test('L3 a retry of a request whose generation was pruned says so, and is done with', async (t) => {
  let isGone = false;
  const { context } = await coordinating(t, (log) => ({
    generation: async (group, generation) =>
      isGone ? Promise.reject(new SnapcommitError('UNAVAILABLE', 'no majority')) : log.generation(group, generation),
  }));
  const request = commitRequest({ requestId: 'nightly' });
  await capture(context, request);
  t.match(await capture(context, request), { repeated: true, record: { generation: 1 } });
  isGone = true;
  await t.rejects(capture(context, request), { code: 'PUBLISH_PENDING' }, 'one that cannot be looked at is not pruned');
  isGone = false;
  await capture(context, commitRequest());
  t.match(await prune(context, { group: 'app', rules: RULES, dryRun: false }), { removed: [1] });
  await t.rejects(capture(context, request), {
    code: 'GENERATION_NOT_FOUND',
    message: /was committed as app@1, which has been pruned since/,
    details: { group: 'app', generation: 1 },
  });
});

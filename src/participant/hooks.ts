/** A transaction's hooks on this node: quiesce before the cut, resume after it, whatever became of it (T16). */
import { crashPoint } from '../crash-points.js';
import type { CutOutcome } from '../ports/participant.js';
import type { Context } from './context.js';
import { payDebt, payEarlier, recordDebt, type Debt } from './owed.js';
import type { Part } from './part.js';
import { messageOf } from './publish.js';

/** The debt first, then the pre-hooks; null where the group has no hooks. Rejects after having run the post-hooks. */
export async function runPreHooks(context: Context, { begin, group, members }: Part): Promise<Debt | null> {
  const { preHooks, postHooks } = group;
  if (preHooks.length + postHooks.length === 0) return null;
  await payEarlier(context, begin.group, begin.transaction);
  const hooks = await context.hooks();
  for (const file of [...preHooks, ...postHooks]) await hooks.check(file);
  const { transaction } = begin;
  const volumes = members.map(({ place }) => ({ name: place.name, source: place.source }));
  const debt: Debt = { transaction, group: begin.group, postHooks, startUnits: [], volumes };
  crashPoint('hooks.before-intent');
  await recordDebt(context, debt);
  crashPoint('hooks.after-intent');
  try {
    for (const file of preHooks) {
      context.report({ kind: 'phase', phase: 'pre-hook', subject: file });
      const facts = { group: begin.group, transaction, phase: 'pre', outcome: '', recovered: false, volumes } as const;
      await hooks.run(file, facts, context.settings.hookTimeoutMs);
    }
  } catch (error) {
    await runPostHooks(context, debt, 'failed');
    throw error;
  }
  crashPoint('hooks.after-pre');
  return debt;
}

/** A failure is reported and left as a debt to recovery; false tells of it. */
export async function runPostHooks(context: Context, debt: Debt, outcome: CutOutcome): Promise<boolean> {
  crashPoint('hooks.before-post');
  try {
    await payDebt(context, debt, outcome, false);
    crashPoint('hooks.after-post');
    return true;
  } catch (error) {
    context.report({
      kind: 'warning',
      message: `${messageOf(error)}; \`snapcommit recover\` runs the post-hooks again`,
    });
    return false;
  }
}

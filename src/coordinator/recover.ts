/**
 * The recovery path: look, plan, act. Finishes everything that is decided, aborts what has no living coordinator,
 * sweeps what is provably ours and dead, thaws, and pays what is owed. Safe to run twice and at any time: each step is
 * planned from the log and from what stands on the volumes, and a step that somebody else did first is no error.
 */
import { crashPoint } from '../crash-points.js';
import type { OpenTransaction } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { transactionLock } from '../participant/fence.js';
import { sweepLockFiles } from '../participant/lock-files.js';
import { messageOf } from '../participant/publish.js';
import { readDebts } from '../participant/owed.js';
import { assertStamps } from '../participant/stamps.js';
import type { KernelLocks } from '../ports/locks.js';
import { pendingHere } from '../participant/publishing.js';
import { findGone, isGone, planClosed, planOwed, planPins, planSweep } from './recover-plan.js';
import { abandonTransaction, publishStep } from './recover-steps.js';
import type { Recovery, RecoveryAction, Step } from './recovery.js';

/**
 * Recovers this node. `dryRun`: only says what it would do. Thawing comes first and waits for nothing. Rejects only
 * where the log itself cannot be trusted (LOG_*).
 */
export async function recover(context: Context, dryRun: boolean): Promise<Recovery> {
  const thawed = await thaw(context, dryRun);
  const done: RecoveryAction[] = thawed.map(({ action }) => action);
  const failures = thawed.flatMap(({ action, failed }) => (failed ? [{ action, reason: action.reason }] : []));
  const run = async (steps: readonly Step[]): Promise<void> => {
    for (const step of steps) {
      done.push(step.action);
      if (dryRun) continue;
      context.report({ kind: 'phase', phase: step.action.action, subject: step.action.target });
      try {
        await step.act();
      } catch (error) {
        failures.push({ action: step.action, reason: messageOf(error) });
      }
    }
  };

  const state = await context.log.read();
  await assertStamps(context.files, state, context.log);
  const gone = await findGone(context, state);
  crashPoint('recover.planned');
  const isStillGone = (transaction: OpenTransaction) => (locks: KernelLocks) => isGone(context, locks, transaction);
  await run(gone.map((transaction) => abandonTransaction(context, transaction, isStillGone(transaction))));
  // Read again: one of those may have committed before it could be taken over.
  await run(pendingHere(context, await context.log.read()).map((record) => publishStep(context, record)));
  // From here on the plan looks at what stands after the steps above; a dry run imagines them.
  // What could not be aborted is left alone: its coordinator may still come back and commit it.
  const kept = new Set(failures.map(({ action }) => action.target));
  const aborting = new Set(gone.map(({ begin }) => String(begin.transaction)).filter((id) => !kept.has(id)));
  await run(await planClosed(context));
  await run(await planOwed(context, await readDebts(context), aborting));
  await run(await planPins(context, await context.log.read()));
  await run(await planSweep(context, aborting));
  if (!dryRun) await sweepLockFiles(context);
  return { actions: done, failures };
}

interface ThawAction {
  readonly action: RecoveryAction;
  /** Something may still be frozen. */
  readonly failed: boolean;
}

async function thaw(context: Context, dryRun: boolean): Promise<readonly ThawAction[]> {
  const writers = await context.writers();
  if (dryRun) {
    const locks = await context.locks();
    const intents = await writers.intents();
    return intents
      .filter((intent) => locks.holders(transactionLock(intent.transaction)).length === 0)
      .flatMap((intent) =>
        intent.cgroups.map((cgroup) => ({ cgroup, reason: `frozen by transaction ${intent.transaction}` })),
      )
      .map(({ cgroup, reason }) => ({ action: { action: 'thaw', target: cgroup, reason }, failed: false }));
  }
  const thawed = await writers.thawAll(false);
  return thawed.map(({ cgroup, result, reason }) => {
    const why = reason ?? (result === 'thawed' ? 'its commit is gone' : `its commit is gone (${result})`);
    return { action: { action: 'thaw', target: cgroup, reason: why }, failed: result === 'failed' };
  });
}

/**
 * The cut: the moment at which all declared writers stand still and every volume is staged. One screen, top to bottom;
 * nothing that can be done before or after is done inside the freeze.
 */
import { lookup } from '../machine/record.js';
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Grade } from '../machine/entry.js';
import { allDone } from '../participant/all-done.js';
import type { Context } from '../participant/context.js';
import { acquireFence, volumeLock } from '../participant/fence.js';
import { formatStaged } from '../participant/names.js';
import { payDebt, recordDebt, type Debt } from '../participant/owed.js';
import { messageOf } from '../participant/publish.js';
import { raiseStamp } from '../participant/stamps.js';
import type { HeldLock } from '../ports/locks.js';
import type { ArmedFreeze } from '../ports/writers.js';
import { isAtLeast, type Plan, type PlannedMember } from './begin.js';
import type { Begun } from './decide.js';
import { closeStages, openStages, takeStages, type Cut, type OpenStage } from './stage.js';
import { discardRounds } from './undo.js';

/** Pre-hooks, rounds until one holds, post-hooks. Rejects when no round held or the grade falls short. */
export async function cut(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<Cut> {
  const debt = await runPreHooks(context, plan, begun, signal);
  let staged: Cut;
  try {
    staged = await runRounds(context, plan, begun, signal);
  } catch (error) {
    await payQuietly(context, debt, 'failed');
    throw error;
  }
  const hooksHeld = await payQuietly(context, debt, 'staged');
  const grade = hooksHeld ? staged.consistency.grade : weaken(staged.consistency.grade);
  if (plan.require !== null && !isAtLeast(grade, plan.require)) {
    throw new SnapcommitError('HOOK_FAILED', `a post-hook failed, so grade ${plan.require} was not reached`);
  }
  return { ...staged, consistency: { ...staged.consistency, grade } };
}

function weaken(grade: Grade): Grade {
  return grade === 'application' ? 'barrier' : grade;
}

async function runPreHooks(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<Debt | null> {
  const { preHooks, postHooks } = plan.group.record;
  if (preHooks.length + postHooks.length === 0) return null;
  const hooks = await context.hooks();
  for (const file of [...preHooks, ...postHooks]) await hooks.check(file);
  const { transaction, group } = begun.begin;
  const volumes = plan.members.map(({ place }) => ({ name: place.name, source: place.source }));
  const debt: Debt = { transaction, group, postHooks, startUnits: [], volumes };
  crashPoint('hooks.before-intent');
  await recordDebt(context, debt);
  crashPoint('hooks.after-intent');
  try {
    for (const file of preHooks) {
      signal.throwIfAborted();
      context.report({ kind: 'phase', phase: 'pre-hook', subject: file });
      const facts = { group, transaction, phase: 'pre', outcome: '', recovered: false, volumes } as const;
      await hooks.run(file, facts, context.settings.hookTimeoutMs);
    }
  } catch (error) {
    await payQuietly(context, debt, 'failed');
    throw error;
  }
  crashPoint('hooks.after-pre');
  return debt;
}

/** Post-hooks always run. A failure is reported and left as a debt to recovery; false tells of it. */
async function payQuietly(context: Context, debt: Debt | null, outcome: string): Promise<boolean> {
  if (debt === null) return true;
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

async function runRounds(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<Cut> {
  for (let round = 1; ; round += 1) {
    signal.throwIfAborted();
    try {
      return await runRound(context, plan, begun, round, signal);
    } catch (error) {
      const lapsed = error instanceof SnapcommitError && error.code === 'FREEZE_LAPSED';
      if (!lapsed || round >= context.settings.roundsMax) throw error;
      context.report({ kind: 'warning', message: `${error.message}; the round is void, trying once more` });
      await Promise.all(plan.members.map(async (member) => discardVoidRound(context, member, begun)));
    }
  }
}

async function runRound(context: Context, plan: Plan, begun: Begun, round: number, signal: AbortSignal): Promise<Cut> {
  const held: HeldLock[] = [];
  const arming = arm(context, plan, begun);
  // Arming may fail while we wait for something else: the failure is met at `await arming` below.
  arming.catch(() => undefined);
  let toDisarm: Promise<ArmedFreeze | null> | null = arming;
  let stages: readonly OpenStage[] = [];
  try {
    for (const { place } of plan.members) held.push(await acquireFence(context, volumeLock(place.name)));
    await assertEpoch(context, begun);
    await allDone(plan.members.map(async (member) => prepareMember(context, member, begun)));
    stages = await openStages(plan, stagedNameOf(context, begun, 'staged', round));
    const armed = await arming;
    context.report({ kind: 'phase', phase: 'flush', subject: begun.begin.group });
    await allDone(plan.members.map(async ({ driver, place }) => driver.flush(place)));
    signal.throwIfAborted();
    // From here on the freeze disarms itself: where thawing fails it keeps its intent, for `thaw --all` (G3).
    toDisarm = null;
    const freeze = armed === null ? null : await armed.freeze();
    return await takeStages(context, plan, stages, freeze);
  } finally {
    // Also what was still being armed when something else failed: neither a guard nor an intent stays behind.
    await (await toDisarm?.catch(() => null))?.disarm();
    await closeStages(stages);
    for (const lock of held) lock.release();
  }
}

async function arm(context: Context, plan: Plan, begun: Begun): Promise<ArmedFreeze | null> {
  if (plan.targets.length === 0) return null;
  const writers = await context.writers();
  return writers.arm(begun.begin.transaction, plan.targets, plan.group.record.stallLimitMs);
}

/** The fence check: what follows happens under the volumes' locks and only while our epoch is current. */
export async function assertEpoch(context: Context, begun: Begun): Promise<void> {
  const { transaction } = begun.begin;
  const open = lookup((await context.log.read()).open, transaction);
  if (open?.epoch.slot === begun.epoch.slot && open.epoch.incarnation === begun.epoch.incarnation) return;
  throw new SnapcommitError(
    'STALE_EPOCH',
    `transaction ${transaction} was taken over by another process; nothing was published`,
  );
}

/** Free space and the stamp. The snapshot that follows makes the stamp durable with it. */
export async function prepareMember(context: Context, { driver, place }: PlannedMember, begun: Begun): Promise<void> {
  const free = await driver.freeSpace(place);
  const floor = context.settings.freeFloorBytes;
  if (Math.min(free.dataBytes, free.metadataBytes) < floor) {
    throw new SnapcommitError(
      'NO_SPACE',
      `volume ${place.name} has ${String(free.dataBytes)} bytes for data and ${String(free.metadataBytes)} for metadata ` +
        `free; a commit wants ${String(floor)} of each. Free some space or lower the floor (freeFloorBytes).`,
      { volume: place.name, dataBytes: free.dataBytes, metadataBytes: free.metadataBytes, floorBytes: floor },
    );
  }
  crashPoint('stamp.before');
  const { cluster, incarnation } = context.log.identity;
  await raiseStamp(context.files, place.publishDirectory, { cluster, incarnation, slot: begun.epoch.slot });
  crashPoint('stamp.after');
}

export function stagedNameOf(context: Context, begun: Begun, kind: 'staged' | 'clone', round: number): string {
  const { group, transaction } = begun.begin;
  return formatStaged({ kind, cluster: context.log.identity.cluster, group, transaction, epoch: begun.epoch, round });
}

/** A void round's snapshots are dead although the transaction is open; a late one is swept by recovery (G11, T3). */
async function discardVoidRound(context: Context, member: PlannedMember, begun: Begun): Promise<void> {
  await discardRounds(context, member, begun, true).catch((error: unknown) => {
    context.report({
      kind: 'warning',
      message: `a void round’s snapshot could not be deleted yet: ${messageOf(error)}`,
    });
  });
}

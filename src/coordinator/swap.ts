/**
 * From finished clones to a published swap, shared by transact and restore: seal, close the live trees, look for users
 * and changes, commit, exchange. Nothing is lost: the live tree is read-only from before the check until it is replaced
 * (T7), and nobody may be using it.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Consistency, ManifestVolume } from '../machine/entry.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { swapLock, volumeLock, withFence } from '../participant/fence.js';
import { controlUnit, payDebt, recordDebt, runningUnits, type Debt } from '../participant/owed.js';
import { messageOf } from '../participant/publish.js';
import type { HeldLock } from '../ports/locks.js';
import type { Plan, PlannedMember } from './begin.js';
import { committedRecord, isUnknown } from './commit.js';
import { assertEpoch, prepareMember, stagedNameOf } from './cut.js';
import { commit, type Begun } from './decide.js';
import { publish } from '../participant/publishing.js';
import { asAborted, giveUp } from './undo.js';

export interface Clone {
  readonly member: PlannedMember;
  readonly name: string;
  readonly id: string;
}

const CHANGES_SHOWN = 10;

/** A writable clone of every member: of its live tree, or of the snapshot that `from` names. */
export async function cloneAll(
  context: Context,
  plan: Plan,
  begun: Begun,
  from: ((member: PlannedMember) => string) | null,
): Promise<readonly Clone[]> {
  crashPoint('clone.before');
  const results = await Promise.allSettled(
    plan.members.map(async (member): Promise<Clone> => {
      const { place, driver } = member;
      return withFence(context, volumeLock(place.name), async () => {
        await assertEpoch(context, begun);
        await prepareMember(context, member, begun);
        const name = stagedNameOf(context, begun, 'clone', 1);
        const { id } = await driver.clone(place, name, from?.(member) ?? null);
        crashPoint('clone.after-first');
        return { member, name, id };
      });
    }),
  );
  crashPoint('clone.after');
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}

/**
 * Seals the clones and puts them in place of the live trees. Before the commit is chosen every failure leaves the live
 * trees as they were; afterwards the swap is only ever finished. `compare`: a change of the live tree since the clone
 * is a conflict.
 */
export async function swapIn(
  context: Context,
  plan: Plan,
  begun: Begun,
  clones: readonly Clone[],
  options: { readonly compare: boolean; readonly consistency: Consistency; readonly signal: AbortSignal },
): Promise<GenerationRecord> {
  const held: HeldLock[] = [];
  const debt = await unitsOwed(context, plan, begun);
  let halfSwapped = false;
  try {
    const generation = await sealAndCommit(context, plan, begun, clones, options, { held, debt });
    const record = await committedRecord(context, begun.begin.group, generation);
    await publish(context, record, true);
    return record;
  } catch (error) {
    halfSwapped = mayBeHalfSwapped(error);
    throw error;
  } finally {
    for (const lock of held) lock.release();
    if (debt !== null) await (halfSwapped ? reportStopped(context, debt) : startUnits(context, debt));
  }
}

/**
 * Then the live trees are a mix of old, read-only ones and new ones, or nobody knows yet: the units stay stopped until
 * recovery has finished the swap and pays.
 */
function mayBeHalfSwapped(error: unknown): boolean {
  return isUnknown(error) || (error instanceof SnapcommitError && error.code === 'PUBLISH_PENDING');
}

async function reportStopped(context: Context, debt: Debt): Promise<void> {
  const message = `${debt.startUnits.join(', ')}: stopped until \`snapcommit recover\` has finished the swap`;
  context.report({ kind: 'warning', message });
  return Promise.resolve();
}

async function startUnits(context: Context, debt: Debt): Promise<void> {
  await payDebt(context, debt, 'swapped', false).catch((error: unknown) => {
    context.report({ kind: 'warning', message: `${messageOf(error)}; \`snapcommit recover\` tries again` });
  });
}

async function sealAndCommit(
  context: Context,
  plan: Plan,
  begun: Begun,
  clones: readonly Clone[],
  options: { readonly compare: boolean; readonly consistency: Consistency; readonly signal: AbortSignal },
  { held, debt }: { readonly held: HeldLock[]; readonly debt: Debt | null },
): Promise<number> {
  const { transaction } = begun.begin;
  try {
    if (debt !== null) await recordDebt(context, debt);
    for (const unit of debt?.startUnits ?? []) await controlUnit(context, 'stop', unit);
    const volumes = await sealAll(context, begun, clones);
    await lockSwaps(context, plan, held);
    await closeLiveTrees(context, plan, begun);
    await assertUnused(context, plan);
    if (options.compare) await assertUnchanged(clones);
    crashPoint('swap.checked');
    options.signal.throwIfAborted();
    const manifest = { consistency: options.consistency, volumes };
    return await commit(context, { type: 'commit', transaction, epoch: begun.epoch, manifest });
  } catch (error) {
    if (isUnknown(error)) throw error;
    // Recovery makes trees writable again only while the transaction is open: what could not be done here is left to it.
    if (!(await reopenLiveTrees(context, plan, begun))) throw asAborted(begun, error);
    throw await giveUp(context, plan, begun, error);
  }
}

async function unitsOwed(context: Context, plan: Plan, begun: Begun): Promise<Debt | null> {
  const declared = plan.group.record.stopUnits;
  const stopUnits = declared.length === 0 ? [] : await runningUnits(context, declared);
  if (stopUnits.length === 0) return null;
  const { transaction, group } = begun.begin;
  return { transaction, group, postHooks: [], startUnits: stopUnits, volumes: [] };
}

async function sealAll(context: Context, begun: Begun, clones: readonly Clone[]): Promise<readonly ManifestVolume[]> {
  crashPoint('seal.before');
  const sealed = await Promise.all(
    clones.map(async (clone): Promise<ManifestVolume> => {
      const { place, driver, base } = clone.member;
      return withFence(context, volumeLock(place.name), async () => {
        await assertEpoch(context, begun);
        const staged = stagedNameOf(context, begun, 'staged', 1);
        const { id } = await driver.seal(place, clone.name, staged);
        crashPoint('seal.after-first');
        const swap = { base, clone: clone.id, cloneName: clone.name };
        return { volume: place.name, node: place.node, driver: place.driver, staged, id, swap };
      });
    }),
  );
  crashPoint('seal.after');
  return sealed;
}

/** No `exec` may hold a generation at a live path that is exchanged (T9). */
async function lockSwaps(context: Context, plan: Plan, held: HeldLock[]): Promise<void> {
  const locks = await context.locks();
  for (const { place } of plan.members) {
    held.push(await locks.acquire(swapLock(place.name), 'exclusive', context.settings.takeOverGraceMs));
  }
}

async function closeLiveTrees(context: Context, plan: Plan, begun: Begun): Promise<void> {
  crashPoint('read-only.before');
  for (const { place, driver, base } of plan.members) {
    await withFence(context, volumeLock(place.name), async () => {
      await assertEpoch(context, begun);
      const live = await driver.live(place);
      if (live.id !== base) throw replacedMeanwhile(place.name, place.source);
      await driver.setLiveReadOnly(place, true);
    });
    crashPoint('read-only.after-first');
  }
  crashPoint('read-only.after');
}

/**
 * Undoes closeLiveTrees while the transaction is still open and ours, so that nobody else's closing is undone. False
 * where a tree may still be read-only.
 */
async function reopenLiveTrees(context: Context, plan: Plan, begun: Begun): Promise<boolean> {
  let reopened = true;
  for (const { place, driver, base } of plan.members) {
    await withFence(context, volumeLock(place.name), async () => {
      await assertEpoch(context, begun);
      const live = await driver.live(place);
      if (live.id === base && live.readOnly) await driver.setLiveReadOnly(place, false);
    }).catch((error: unknown) => {
      reopened = false;
      context.report({
        kind: 'warning',
        message: `live tree ${place.source} may still be read-only (${messageOf(error)}); run \`snapcommit recover\``,
      });
    });
  }
  return reopened;
}

async function assertUnused(context: Context, plan: Plan): Promise<void> {
  const treeUsers = await context.treeUsers();
  for (const { place } of plan.members) {
    const users = await treeUsers.find(place.source, [context.self.pid]);
    const [first] = users;
    if (first === undefined) continue;
    throw new SnapcommitError(
      'IN_USE',
      `the live tree ${place.source} of volume ${place.name} is in use: ${first.command} (process ${String(first.pid)}) ` +
        `has ${first.path} as ${first.use}${users.length > 1 ? `, and ${String(users.length - 1)} more` : ''}. ` +
        'What it writes would be lost in the replaced tree. Stop it first, or declare its unit with `--stop-unit`.',
      { volume: place.name, users: users.slice(0, CHANGES_SHOWN).map((user) => ({ ...user })) },
    );
  }
}

async function assertUnchanged(clones: readonly Clone[]): Promise<void> {
  for (const { member, name } of clones) {
    const changed = await member.driver.changedSince(member.place, name, CHANGES_SHOWN);
    if (changed.length === 0) continue;
    throw new SnapcommitError(
      'CONFLICT',
      `the live tree ${member.place.source} of volume ${member.place.name} changed while the transaction ran ` +
        `(${changed.slice(0, 3).join(', ')}). Nothing was replaced. Run it again while nobody else writes there.`,
      { volume: member.place.name, changed },
    );
  }
}

function replacedMeanwhile(volume: string, source: string): SnapcommitError {
  return new SnapcommitError(
    'CONFLICT',
    `another tree stands at ${source} (volume ${volume}) than when the transaction began`,
    {
      volume,
    },
  );
}

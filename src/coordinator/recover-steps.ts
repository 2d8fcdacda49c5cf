/** The steps of recovery that decide or publish. */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import type { Member } from '../machine/entry.js';
import { lookup } from '../machine/record.js';
import type { GenerationRecord, OpenTransaction } from '../machine/state.js';
import { forgetClosed } from '../participant/closed-trees.js';
import type { Context } from '../participant/context.js';
import { commandLock, transactionLock, volumeLock, withFence } from '../participant/fence.js';
import { messageOf, placeOf } from '../participant/publish.js';
import type { KernelLocks } from '../ports/locks.js';
import { assertEpoch } from '../participant/epoch.js';
import { append } from '../participant/append.js';
import { abort, type Begun } from './decide.js';
import { publishForAnother } from '../participant/publishing.js';
import { workOf } from './nodes.js';
import type { Step } from './recovery.js';

/** So often we try again when another recovery takes over between our take-over and our abort. */
const TAKE_OVERS_MAX = 5;

export function publishStep(context: Context, record: GenerationRecord): Step {
  const target = generationKey(record.group, record.generation);
  return {
    action: { action: 'publish', target, reason: 'it is committed and not yet published here' },
    act: async () => publishForAnother(context, record),
  };
}

/**
 * Presumed abort: ends a stopped coordinator, takes the transaction over under a new epoch (so that nothing the old
 * coordinator still does can commit, T6), makes the live trees writable again, and aborts. `mayEnd` is asked when it
 * comes to that: whether whoever holds the transaction now is still to be ended. `withoutLost`: a live tree that is
 * not there does not keep it open; only a person can know that it is lost.
 */
export function abandonTransaction(
  context: Context,
  transaction: OpenTransaction,
  mayEnd: (locks: KernelLocks) => boolean = () => true,
  withoutLost = false,
): Step {
  const { begin } = transaction;
  const { pid, node } = begin.coordinator;
  return {
    action: {
      action: 'abort',
      target: begin.transaction,
      reason: `its coordinator (process ${String(pid)} on ${node}) is gone and it was not decided`,
    },
    act: async () => {
      const locks = await context.locks();
      const name = transactionLock(begin.transaction);
      // Another recovery may have come first: that one is waited for.
      if (mayEnd(locks)) await locks.endHolders(name, context.settings.takeOverGraceMs);
      const held = await locks.acquire(name, 'exclusive', context.settings.lockWaitMs);
      try {
        await takeOverAndAbort(context, transaction, withoutLost);
      } finally {
        locks.forget(name);
        held.release();
      }
    },
  };
}

async function takeOverAndAbort(context: Context, transaction: OpenTransaction, withoutLost: boolean): Promise<void> {
  const { begin } = transaction;
  // Its command may have outlived it, and must not see its trees go away under it.
  if (begin.mode === 'transact') {
    const locks = await context.locks();
    await locks.endHolders(commandLock(begin.transaction), context.settings.takeOverGraceMs);
    locks.forget(commandLock(begin.transaction));
  }
  for (let attempt = 1; attempt <= TAKE_OVERS_MAX; attempt += 1) {
    if (await tryTakeOverAndAbort(context, transaction, withoutLost)) return;
  }
  throw new SnapcommitError(
    'BUSY',
    `transaction ${begin.transaction} is being taken over by another recovery; run \`snapcommit recover\` again.`,
    { transaction: begin.transaction },
  );
}

/** False when somebody else took it over meanwhile, and it is still open. */
async function tryTakeOverAndAbort(
  context: Context,
  transaction: OpenTransaction,
  withoutLost: boolean,
): Promise<boolean> {
  const { begin } = transaction;
  crashPoint('recover.before-take-over');
  const slot = await takeOver(context, transaction);
  crashPoint('recover.after-take-over');
  if (slot === null) return true;
  const begun = { begin, epoch: { incarnation: context.log.identity.incarnation, slot } };
  try {
    if (begin.mode !== 'capture') await reopenLiveTrees(context, begun, withoutLost);
    await abort(context, begun, 'ABORTED', 'its coordinator was gone');
  } catch (error) {
    if (!(error instanceof SnapcommitError) || error.code !== 'STALE_EPOCH') throw error;
  }
  // What was answered to an abort may be another's take-over: only the log tells.
  return lookup((await context.log.read()).open, begin.transaction) === undefined;
}

/** The slot of our take-over; null when the transaction was decided meanwhile. */
async function takeOver(
  context: Context,
  transaction: OpenTransaction,
): Promise<Awaited<ReturnType<typeof append>>['slot'] | null> {
  try {
    const { begin } = transaction;
    return (await append(context, { type: 'takeOver', transaction: begin.transaction, coordinator: context.self }))
      .slot;
  } catch (error) {
    const decided = ['TRANSACTION_NOT_FOUND', 'ABORTED', 'EXISTS', 'CONFLICT', 'STALE_EPOCH'];
    if (error instanceof SnapcommitError && decided.includes(error.code)) return null;
    throw error;
  }
}

/**
 * An interrupted swap left them read-only; `begin` refuses trees that were so before. Every one is tried; one that fails
 * keeps the transaction open, since afterwards nobody could tell who made it read-only.
 */
async function reopenLiveTrees(context: Context, begun: Begun, withoutLost: boolean): Promise<void> {
  const { begin } = begun;
  const failures: unknown[] = [];
  for (const member of begin.members) {
    if (member.node !== context.self.node) continue;
    await reopenLiveTree(context, begun, member).catch((error: unknown) => failures.push(error));
  }
  if (failures.length === 0) return forgetClosed(context, begin.transaction);
  for (const error of failures) if (error instanceof SnapcommitError && error.code === 'STALE_EPOCH') throw error;
  // In a cluster what was closed is on disk, so that nobody has to wait for it: it is opened when that can be done.
  const isRemembered = Object.keys((await context.log.read()).members).length > 0;
  const isLost = (error: unknown): boolean => error instanceof SnapcommitError && error.code === 'VOLUME_UNAVAILABLE';
  const serious = isRemembered ? undefined : failures.find((error) => !(withoutLost && isLost(error)));
  if (serious === undefined) {
    for (const error of failures)
      context.report({ kind: 'warning', message: `${messageOf(error)}; it may be read-only` });
    return;
  }
  if (!isLost(serious)) throw serious instanceof Error ? serious : new Error(messageOf(serious));
  throw new SnapcommitError(
    'VOLUME_UNAVAILABLE',
    `${messageOf(serious)} Its live tree may be read-only. Bring it back; if it is lost for good, ` +
      `\`snapcommit transaction abort ${begin.transaction}\` goes on without it.`,
    { transaction: begin.transaction },
    serious,
  );
}

async function reopenLiveTree(context: Context, begun: Begun, member: Member): Promise<void> {
  await withFence(context, volumeLock(member.volume), async () => {
    // Another recovery may have ended it, and another transaction have closed the tree for its own check (T7).
    await assertEpoch(context, workOf(begun));
    const place = placeOf(await context.log.read(), member.volume);
    const driver = await context.driver(member.driver);
    const live = await driver.live(place, true);
    if (live.id !== member.base || !live.readOnly) return;
    crashPoint('recover.before-writable');
    await driver.setLiveReadOnly(place, false);
    crashPoint('recover.after-writable');
  });
}

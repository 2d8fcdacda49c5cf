/** What recovery finds to do: each step with its reason, and how to do it. Planning changes nothing. */
import { lookup } from '../machine/record.js';
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { DriverName, VolumeRecord } from '../machine/entry.js';
import type { OpenTransaction, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import type { KernelLocks } from '../ports/locks.js';
import type { Listed, VolumeDriver } from '../ports/volume-driver.js';
import { discardNames } from '../participant/discard.js';
import {
  areHoldersStopped,
  debtLock,
  isBusy,
  pinLock,
  transactionLock,
  volumeLock,
  withFence,
} from '../participant/fence.js';
import { parseCgroupName } from '../participant/command-cgroup.js';
import { isOverHere, readClosed, reopenClosed } from '../participant/closed-trees.js';
import { judgeName } from '../participant/leftovers.js';
import { isPayable, payDebt, readDebt, type Debt } from '../participant/owed.js';
import { messageOf } from '../participant/publish.js';
import { readStamp } from '../participant/stamps.js';
import { append } from '../participant/append.js';
import type { Step } from './recovery.js';
import { sweepViews } from './sweep-views.js';

const nothing = async (): Promise<void> => Promise.resolve();

/**
 * Open transactions of this node whose coordinator is gone: its kernel lock is free, or it is stopped, so that waiting
 * for it would be waiting for ever. One that runs is left alone however long it takes (a copy of a large directory takes
 * hours); `transaction abort` ends it.
 */
export async function findGone(context: Context, state: State): Promise<readonly OpenTransaction[]> {
  const locks = await context.locks();
  return Object.values(state.open).filter((transaction) => isGone(context, locks, transaction));
}

/** Whether nobody drives this transaction of our node any more, now. */
export function isGone(context: Context, locks: KernelLocks, transaction: OpenTransaction): boolean {
  if (transaction.coordinator.node !== context.self.node) return false;
  if (isUndriven(locks, transaction)) return true;
  const { begin } = transaction;
  return areHoldersStopped(locks, transactionLock(begin.transaction)) && begin.mode !== 'transact';
}

/** Of this node: its coordinator took the kernel lock before it began (C2), and nobody holds it any more. */
export function isUndriven(locks: KernelLocks, { begin }: OpenTransaction): boolean {
  return locks.holders(transactionLock(begin.transaction)).length === 0;
}

/**
 * Post-hooks and units owed by transactions that are over or about to be. Not before their swap is published here: until
 * then the live trees may be a mix, and units would be started on it.
 */
export async function planOwed(
  context: Context,
  debts: readonly Debt[],
  aborting: ReadonlySet<string>,
): Promise<readonly Step[]> {
  const state = await context.log.read();
  return debts
    .filter((debt) => isPayable(context, state, debt, aborting))
    .map((debt) => ({
      action: {
        action: 'pay',
        target: [...debt.postHooks, ...debt.startUnits].join(', '),
        reason: `owed since transaction ${debt.transaction} of ${debt.group} was interrupted`,
      },
      act: async () => {
        await withFence(context, debtLock(debt.group), async () => {
          // The next transaction of the group may have begun, and have paid it.
          if (!isPayable(context, await context.log.read(), debt)) return;
          if ((await readDebt(context, debt.transaction)) === null) return;
          crashPoint('recover.before-owed');
          // At boot the units are ordered after this very recovery: to wait for them would be to wait for ourselves.
          await payDebt(context, debt, 'recovered', true, false);
          crashPoint('recover.after-owed');
        });
      },
    }));
}

/** Live trees that a swap closed here, which was decided while nobody was there to open them. */
export async function planClosed(context: Context): Promise<readonly Step[]> {
  const all = await readClosed(context);
  if (all.length === 0) return [];
  const state = await context.log.read();
  return all
    .filter(({ transaction }) => isOverHere(context, state, transaction))
    .map((closed) => ({
      action: {
        action: 'reopen',
        target: closed.trees.map(({ volume }) => volume).join(', '),
        reason: `transaction ${closed.transaction} is over and may have left it read-only`,
      },
      act: async () => reopenClosed(context, closed),
    }));
}

/** Pins whose command is gone: every process of it held the pin's kernel lock. */
export async function planPins(context: Context, state: State): Promise<readonly Step[]> {
  const locks = await context.locks();
  const pins = Object.entries(state.pins).filter(([, pin]) => pin.holder.node === context.self.node);
  const free = await Promise.all(pins.map(async ([id]) => isFree(context, locks, pinLock(id))));
  return pins
    .filter((_, index) => free[index])
    .map(([id, pin]) => ({
      action: {
        action: 'unpin',
        target: `${pin.group}@${String(pin.generation)}`,
        reason: `the command that pinned it (process ${String(pin.holder.pid)}) is gone`,
      },
      act: async () => {
        await append(context, { type: 'releasePin', pin: id });
        locks.forget(pinLock(id));
      },
    }));
}

/** A holder in another container is not seen from here: the lock itself tells. One that is about to end is waited for. */
async function isFree(context: Context, locks: KernelLocks, name: string): Promise<boolean> {
  if (locks.holders(name).length > 0) return false;
  try {
    const held = await locks.acquire(name, 'exclusive', context.settings.takeOverGraceMs);
    held.release();
    return true;
  } catch (error) {
    if (!isBusy(error)) throw error;
    return false;
  }
}

/** Leftovers on this node's volumes, cgroups of commands whose transaction is over, and view directories of retired generations. */
export async function planSweep(context: Context, aborting: ReadonlySet<string>): Promise<readonly Step[]> {
  const before = await context.log.read();
  const places = Object.values(before.volumes)
    .filter((volume) => !volume.forfeited && volume.record.node === context.self.node)
    .map((volume) => volume.record);
  const swept = await Promise.all(places.map(async (place) => sweepVolume(context, place, aborting)));
  // Commands first: one that still ran would see its trees emptied under it.
  return [...(await sweepCgroups(context, aborting)), ...swept.flat(), ...(await sweepViews(context, before))];
}

async function sweepVolume(
  context: Context,
  place: VolumeRecord,
  aborting: ReadonlySet<string>,
): Promise<readonly Step[]> {
  try {
    const dead = await findDead(context, place, aborting);
    return dead.map(({ name, verdict }) => {
      const target = `${place.name}: ${name}`;
      if (verdict.kind === 'foreign')
        return { action: { action: 'report', target, reason: verdict.reason }, act: nothing };
      return {
        action: { action: 'remove', target, reason: verdict.reason },
        act: async () => removeDead(context, place, name, aborting),
      };
    });
  } catch (error) {
    const reason = messageOf(error);
    const failure = new SnapcommitError('VOLUME_UNAVAILABLE', reason, { volume: place.name }, error);
    // Nobody knows what is left there, so not everything is done.
    return [{ action: { action: 'report', target: place.name, reason }, act: async () => Promise.reject(failure) }];
  }
}

/** Lists first and reads the log afterwards, so that whatever was begun when we listed is known. */
async function findDead(context: Context, place: VolumeRecord, aborting: ReadonlySet<string>) {
  const driver = await context.driver(place.driver satisfies DriverName);
  return judgeAll(context, place, await driver.list(place), aborting);
}

async function judgeAll(
  context: Context,
  place: VolumeRecord,
  listed: readonly Listed[],
  aborting: ReadonlySet<string>,
) {
  const stamp = await readStamp(context.files, place.publishDirectory);
  const state = await context.log.read();
  const { identity } = context.log;
  const stamped = stamp?.cluster === identity.cluster;
  return listed
    .map(({ name }) => ({ name, verdict: judgeName(name, state, identity, stamped, aborting) }))
    .flatMap(({ name, verdict }) => (verdict.kind === 'keep' ? [] : [{ name, verdict }]));
}

/** Judges again under the volume's lock: somebody may have published or removed it meanwhile. */
async function removeDead(
  context: Context,
  place: VolumeRecord,
  name: string,
  aborting: ReadonlySet<string>,
): Promise<void> {
  await withFence(context, volumeLock(place.name), async () => {
    const driver = await context.driver(place.driver);
    const found = (await driver.lookup(place, name)) ?? (await listedAlone(driver, place, name));
    if (found === null) return;
    const [judged] = await judgeAll(context, place, [found], aborting);
    if (judged?.verdict.kind === 'dead') await discardNames(context, driver, place, [name]);
  });
}

/** A name whose entry is gone: there is nothing to look up, and yet it stands in the publish directory. */
async function listedAlone(driver: VolumeDriver, place: VolumeRecord, name: string): Promise<Listed | null> {
  return (await driver.list(place)).find((listed) => listed.name === name) ?? null;
}

async function sweepCgroups(context: Context, aborting: ReadonlySet<string>): Promise<readonly Step[]> {
  const sandbox = await context.sandbox();
  const leftovers = await sandbox.leftovers();
  const state = await context.log.read();
  return leftovers.flatMap(({ name, cgroup }) => {
    const transaction = parseCgroupName(context, name);
    if (transaction === null || (lookup(state.open, transaction) !== undefined && !aborting.has(transaction)))
      return [];
    const reason = `transaction ${transaction} is over, but its command’s cgroup is still there`;
    return [{ action: { action: 'end', target: cgroup, reason }, act: async () => sandbox.endAll(cgroup) }];
  });
}

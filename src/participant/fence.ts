/**
 * Check and act under one kernel lock. Whoever acts on a volume holds its lock from the fence check to the last sync;
 * a stopped holder is ended before anybody acts in its place, so it can never wake up and act on what it saw (T4).
 */
import { SnapcommitError } from '../errors.js';
import { handingDown } from '../native/handed-down.js';
import type { HeldLock, KernelLocks } from '../ports/locks.js';
import type { Context } from './context.js';

export const volumeLock = (volume: string): string => `volume-${volume}`;
/** Held shared by `exec`, exclusively by whoever exchanges the live tree (T9). */
export const swapLock = (volume: string): string => `swap-${volume}`;
/** Held while hooks or units that an earlier transaction of the group owes are run: the next one waits for it. */
export const debtLock = (group: string): string => `debt-${group}`;
export const viewLock = (group: string): string => `view-${group}`;
/** Held for the moment in which the courtesy lock of a group is looked at and taken. */
export const courtesyLock = (group: string): string => `courtesy-${group}`;
/** Held by a transaction's coordinator for as long as it lives. */
export const transactionLock = (transaction: string): string => `transaction-${transaction}`;
/** Held, through inherited descriptors, by every process of a transact's command: it finds those whose coordinator died. */
export const commandLock = (transaction: string): string => `command-${transaction}`;
/** Held, through inherited descriptors, by every process of a pinned command. */
export const pinLock = (pin: string): string => `pin-${pin}`;

/**
 * Takes a fencing lock. A running holder is waited for (BUSY after lockWaitMs); holders that are all stopped get
 * takeOverGraceMs and are then ended.
 */
export async function acquireFence(context: Context, name: string): Promise<HeldLock> {
  const locks = await context.locks();
  const now = locks.tryAcquire(name, 'exclusive');
  if (now !== null) return now;
  const { takeOverGraceMs, lockWaitMs } = context.settings;
  try {
    return await locks.acquire(name, 'exclusive', Math.min(takeOverGraceMs, lockWaitMs));
  } catch (error) {
    if (!isBusy(error)) throw error;
  }
  if (areHoldersStopped(locks, name)) await locks.endHolders(name, takeOverGraceMs);
  return locks.acquire(name, 'exclusive', Math.max(0, lockWaitMs - takeOverGraceMs));
}

export async function withFence<T>(context: Context, name: string, action: () => Promise<T>): Promise<T> {
  const held = await acquireFence(context, name);
  try {
    return await underLocks([held], action);
  } finally {
    held.release();
  }
}

/**
 * Runs `action` under locks that are held: the programs which drivers start in it keep them until they have ended, so that
 * what a killed process has set going is over before anybody acts in its place (T4).
 */
export async function underLocks<T>(held: readonly HeldLock[], action: () => Promise<T>): Promise<T> {
  return handingDown(
    held.map(({ fd }) => fd),
    action,
  );
}

/** Whether every holder is stopped (or already a zombie), so that none of them will release it by itself. */
export function areHoldersStopped(locks: KernelLocks, name: string): boolean {
  const holders = locks.holders(name);
  return holders.length > 0 && holders.every((holder) => 'TtZX'.includes(holder.state));
}

export function isBusy(error: unknown): boolean {
  return error instanceof SnapcommitError && error.code === 'BUSY';
}

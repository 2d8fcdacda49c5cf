/**
 * Waiting for the kernel. What a process had mounted and open in a namespace of its own, it lets go of a little after the
 * process has ended: a snapshot that an `exec` showed is busy for a moment after that, though nobody uses it. And who reads
 * a file of a snapshot makes that busy for as long as it takes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { ZfsFailure } from './zfs-failure.js';
import { errnoOf } from './failures.js';

const PATIENCE_MS = 3_000;
const PAUSE_MS = 50;
/** A path is walked in microseconds, unless whoever walks it is kept from a processor. */
const WALK_MS = 100;

/** What `act` answers; tried again for a few seconds while it is said to be busy. */
export async function whenLetGo<T>(act: () => Promise<T>, patienceMs = PATIENCE_MS): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += PAUSE_MS) {
    try {
      return await act();
    } catch (failure) {
      if (waitedMs >= patienceMs || !isBusy(failure)) throw failure;
    }
    await sleep(PAUSE_MS);
  }
}

/**
 * For who has read the text of a link just before it was turned, and is still on the way to where it led. What is there must
 * not be unmounted under them: whoever comes to a snapshot while its mount goes is turned away (ELOOP).
 */
export async function walksAreOver(): Promise<void> {
  await sleep(WALK_MS);
}

/** In use, and not: something depends on it, which no waiting changes. */
export function isBusy(failure: unknown): boolean {
  if (failure instanceof ZfsFailure) return /is busy/i.test(failure.reason);
  return errnoOf(failure) === 'EBUSY';
}

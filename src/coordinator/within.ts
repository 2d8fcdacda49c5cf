/** Waiting for another node no longer than we said. What it does goes on. */
import { SnapcommitError } from '../errors.js';
import type { Timers } from '../ports/timers.js';

/** Rejects with UNAVAILABLE and this reason when `work` has not ended in time. */
export async function within<T>(timers: Timers, work: Promise<T>, limitMs: number, reason: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = timers.after(limitMs, () => {
      reject(new SnapcommitError('UNAVAILABLE', reason));
    });
    work.then(resolve, reject).finally(cancel);
  });
}

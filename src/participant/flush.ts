/**
 * Flushing before a freeze. What writers make dirty while a flush runs is written out by the snapshot calls, while they
 * stand still: after a long flush another one, which is shorter, makes that less.
 */
import type { Clock } from '../ports/clock.js';

/** A flush that takes no longer has left little to do, ms. */
const QUICK_MS = 10;
/** Against a disk that is slower than its writers no number of flushes helps. */
const FLUSHES_MAX = 3;

/** Runs `flush`, of all volumes at once, until it is quick. */
export async function flushUntilQuick(clock: Clock, flush: () => Promise<unknown>): Promise<void> {
  for (let done = 1; done <= FLUSHES_MAX; done += 1) {
    const startedAt = clock.monotonic();
    await flush();
    if (clock.monotonic() - startedAt <= QUICK_MS) return;
  }
}

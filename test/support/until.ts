/** Waiting for something that the kernel or another process does, by looking. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Less than tap's own limit, so that a failing test still cleans up. */
const PATIENCE_MS = 15_000;

/** Resolves when `condition` holds; rejects after a quarter of a minute, naming `what` did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(5);
  }
}

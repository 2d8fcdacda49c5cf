/** Waiting for something that the kernel or another process does, by looking. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Less than tap's own limit, so that a failing test still cleans up. */
let patienceMs = 15_000;

/** For programs that are no tests and run for long: however busy the machine is, only what never comes is a failure. */
export function bePatient(): void {
  patienceMs = 90_000;
}

/** Resolves when `condition` holds; rejects after a quarter of a minute, naming `what` did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(5);
  }
}

/** Waiting for something that the kernel or another process does, by looking. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Less than tap's own limit, so that a failing test still cleans up. On emulated processors the rig says more. */
let patienceMs = Number(process.env['SNAPCOMMIT_TEST_PATIENCE_SECONDS'] ?? 15) * 1000;

/** For programs that are no tests and run for long: however busy the machine is, only what never comes is a failure. */
export function bePatient(): void {
  patienceMs = 90_000;
}

/** Resolves when `condition` holds; rejects after a quarter of a minute (or what the rig says), naming `what` did not come. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain for: ${what}`);
    await sleep(5);
  }
}

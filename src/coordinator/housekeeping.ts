/** What recovery does besides deciding and publishing: debts, pins, closed trees, leftovers. Planning changes nothing. */
import type { Context } from '../participant/context.js';
import { readDebts } from '../participant/owed.js';
import { planClosed, planOwed, planPins, planSweep } from './recover-plan.js';
import type { Step } from './recovery.js';

const NONE_ABORTING: ReadonlySet<string> = new Set();

/** Everything of this node that is over by now. */
export async function planHousekeeping(context: Context): Promise<readonly Step[]> {
  return [
    ...(await planClosed(context)),
    ...(await planOwed(context, await readDebts(context), NONE_ABORTING)),
    ...(await planPins(context, await context.log.read())),
    ...(await planSweep(context, NONE_ABORTING)),
  ];
}

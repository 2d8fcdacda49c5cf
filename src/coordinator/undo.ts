/** What follows when a transaction gives up: abort in the log, writable live trees, no staged leftovers. */
import { lookup } from '../machine/record.js';
import { SnapcommitError } from '../errors.js';
import type { Context } from '../participant/context.js';
import { discardNames } from '../participant/discard.js';
import { volumeLock, withFence } from '../participant/fence.js';
import { parseStaged } from '../participant/names.js';
import { messageOf } from '../participant/publish.js';
import type { Plan, PlannedMember } from './begin.js';
import { abort, type Begun } from './decide.js';

/**
 * Aborts, and takes away what this transaction left. Never rejects: what it cannot do now recovery does, and the
 * report says so. Answers the error to throw: the cause, told as an abort.
 */
export async function giveUp(context: Context, plan: Plan, begun: Begun, cause: unknown): Promise<SnapcommitError> {
  const failure = asAborted(begun, cause);
  try {
    await abort(context, begun, failure.code, failure.message);
    await Promise.all(plan.members.map(async (member) => discardRounds(context, member, begun)));
  } catch (error) {
    context.report({
      kind: 'warning',
      message: `cleaning up was not finished (${messageOf(error)}); run \`snapcommit recover\``,
    });
  }
  return failure;
}

/**
 * Deletes every staged name and clone of this transaction, whichever round made it. Only once it is decided, unless
 * `roundVoid`: its coordinator says that the rounds so far are void.
 */
export async function discardRounds(
  context: Context,
  member: PlannedMember,
  begun: Begun,
  roundVoid = false,
): Promise<void> {
  await withFence(context, volumeLock(member.place.name), async () => {
    const state = await context.log.read();
    if (!roundVoid && lookup(state.open, begun.begin.transaction) !== undefined) return;
    // Should a commit have won against us, these names are what is still to be published.
    if (Object.values(state.pending).some(({ record }) => record.transaction === begun.begin.transaction)) return;
    const listed = await member.driver.list(member.place);
    const names = listed
      .map((entry) => entry.name)
      .filter((name) => parseStaged(name)?.transaction === begun.begin.transaction);
    await discardNames(context, member.driver, member.place, names);
  });
}

/** The failure as a transaction that was begun tells it. */
export function asAborted(begun: Begun, cause: unknown): SnapcommitError {
  const { transaction, group } = begun.begin;
  const details = { transaction, group, begun: true };
  if (cause instanceof SnapcommitError) {
    return new SnapcommitError(cause.code, cause.message, { ...cause.details, ...details }, cause);
  }
  return new SnapcommitError(
    'ABORTED',
    `transaction ${transaction} of ${group} was aborted: ${messageOf(cause)}`,
    details,
    cause,
  );
}

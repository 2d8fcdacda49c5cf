/** What follows when a transaction gives up: abort in the log, and nothing staged left on any node. */
import { SnapcommitError } from '../errors.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import type { Plan } from './begin.js';
import { abort, type Begun } from './decide.js';
import { atTheEnd, workOf } from './nodes.js';

/**
 * Aborts, and takes away what this transaction left. Never rejects: what it cannot do now recovery does, and the
 * report says so. Answers the error to throw: the cause, told as an abort.
 */
export async function giveUp(context: Context, plan: Plan, begun: Begun, cause: unknown): Promise<SnapcommitError> {
  const failure = asAborted(begun, cause);
  try {
    await abort(context, begun, failure.code, failure.message);
  } catch (error) {
    reportLeft(context, error);
    return failure;
  }
  await Promise.all(
    plan.nodes.map(async ({ participant }) =>
      atTheEnd(context, participant, participant.discard(workOf(begun), null)).catch((error: unknown) => {
        reportLeft(context, error);
      }),
    ),
  );
  return failure;
}

function reportLeft(context: Context, error: unknown): void {
  context.report({
    kind: 'warning',
    message: `cleaning up was not finished (${messageOf(error)}); run \`snapcommit recover\``,
  });
}

/** The failure where nothing was decided, since a live tree may be read-only: nothing can be published of it any more. */
export function asStillOpen(begun: Begun, cause: unknown): SnapcommitError {
  const { transaction, group } = begun.begin;
  const code = cause instanceof SnapcommitError ? cause.code : 'ABORTED';
  const details = cause instanceof SnapcommitError ? cause.details : {};
  return new SnapcommitError(
    code,
    `${messageOf(cause).replace(/\.$/, '')}. Transaction ${transaction} of ${group} is given up but still open, since its live ` +
      'trees could not be made writable again; nothing was published. Mend that and run `snapcommit recover`, which ends it.',
    { ...details, transaction, group, begun: true, open: true },
    cause,
  );
}

/** The failure as a transaction that was begun tells it. */
function asAborted(begun: Begun, cause: unknown): SnapcommitError {
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

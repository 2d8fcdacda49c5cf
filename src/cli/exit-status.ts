/** The one table that turns failures into exit statuses, and what each status means. */
import type { ErrorCode, SnapcommitError } from '../errors.js';

/** The meaning of each status, in the words of every command's help. */
export const EXIT_STATUSES = {
  0: 'done',
  1: 'internal error',
  2: 'bad usage or input',
  3: 'not found',
  4: 'conflict: busy, in use, or an expectation failed',
  5: 'begun, then aborted (or out of time): nothing was published',
  6: 'unavailable, and nothing was begun',
  7: 'outcome unknown: ask again with the printed id',
  8: 'denied',
  9: 'committed, publishing still pending: `snapcommit recover` finishes it',
  10: 'verification failed',
  130: 'interrupted by SIGINT',
  143: 'interrupted by SIGTERM',
} as const;

export type ExitStatus = keyof typeof EXIT_STATUSES;

/** Added to a failure's status by the commands that pass another command's status on. */
export const OWN_FAILURE_OFFSET = 100;

export const INTERNAL_ERROR: ExitStatus = 1;

const STATUS_OF_CODE: Readonly<Record<ErrorCode, ExitStatus>> = {
  USAGE: 2,
  NAME_INVALID: 2,
  SOURCE_INVALID: 2,
  SOURCE_NESTED: 2,
  SOURCE_MANAGED: 2,
  DRIVER_UNKNOWN: 2,
  HOOK_UNSAFE: 2,
  GRADE_UNREACHABLE: 2,
  STATE_DIRECTORY_INVALID: 2,
  CGROUP_INVALID: 2,
  UNSUPPORTED: 2,
  TOKEN_INVALID: 2,
  STATE_NOT_FOUND: 3,
  VOLUME_NOT_FOUND: 3,
  GROUP_NOT_FOUND: 3,
  GENERATION_NOT_FOUND: 3,
  TRANSACTION_NOT_FOUND: 3,
  HOLD_NOT_FOUND: 3,
  PIN_NOT_FOUND: 3,
  NODE_NOT_FOUND: 3,
  BUSY: 4,
  EXISTS: 4,
  EXPECTATION_FAILED: 4,
  REQUEST_CONFLICT: 4,
  IN_USE: 4,
  STALE_EPOCH: 4,
  ABORTED: 5,
  CONFLICT: 5,
  HOOK_FAILED: 5,
  FREEZE_FAILED: 5,
  FREEZE_LAPSED: 5,
  NO_SPACE: 5,
  STAGE_FAILED: 5,
  STAGED_NAME_EXISTS: 5,
  COMMAND_FAILED: 5,
  INTERRUPTED: 130,
  TIMED_OUT: 5,
  UNAVAILABLE: 6,
  LOG_CORRUPT: 6,
  LOG_FOREIGN: 6,
  LOG_FORMAT_NEWER: 6,
  LOG_BEHIND_STAMP: 6,
  LOG_LATCHED: 6,
  STORE_READ_ONLY: 6,
  STORE_FULL: 6,
  DEPENDENCY_MISSING: 6,
  VOLUME_UNAVAILABLE: 6,
  CLOCK_SKEW: 6,
  OUTCOME_UNKNOWN: 7,
  APPEND_EXPIRED: 7,
  DENIED: 8,
  CERTIFICATE_INVALID: 8,
  TOKEN_EXPIRED: 8,
  TOKEN_USED: 8,
  TOKEN_UNKNOWN: 8,
  PUBLISH_PENDING: 9,
  VERIFY_FAILED: 10,
};

/** The status of a failure, for commands that run nothing of the user's. */
export function exitStatusOf(error: SnapcommitError): ExitStatus {
  const status = STATUS_OF_CODE[error.code];
  if (error.code === 'INTERRUPTED') return error.details['signal'] === 'SIGTERM' ? 143 : status;
  // These say how things stand, although a transaction was begun.
  if (error.code === 'OUTCOME_UNKNOWN' || error.code === 'APPEND_EXPIRED' || error.code === 'PUBLISH_PENDING')
    return status;
  return error.details['begun'] === true ? 5 : status;
}

/**
 * The status of a failure, for the commands that pass their command's own status on: that one where the command
 * failed, else 100 + the status above, so that the two can be told apart. 130 and 143 stay what they are.
 */
export function passingExitStatusOf(error: SnapcommitError): number {
  if (error.code === 'COMMAND_FAILED') {
    const status = error.details['status'];
    if (typeof status === 'number' && status > 0 && status <= 255) return status;
  }
  return ownFailure(exitStatusOf(error));
}

export function ownFailure(status: ExitStatus): number {
  return status === 0 || status === 130 || status === 143 ? status : OWN_FAILURE_OFFSET + status;
}

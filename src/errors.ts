/**
 * The errors that a person or a program can act on. This file imports nothing.
 *
 * A SnapcommitError is an expected failure: it has a code (the key of the table that turns codes into exit
 * statuses), a message that says what happened, to what, and what to do next, and details for programs.
 * An InvariantError is an impossible state: whoever sees one stops the node.
 */

export const ERROR_CODES = [
  // bad usage or input (2)
  'USAGE',
  'NAME_INVALID',
  'SOURCE_INVALID',
  'SOURCE_NESTED',
  'SOURCE_MANAGED',
  'DRIVER_UNKNOWN',
  'HOOK_UNSAFE',
  'GRADE_UNREACHABLE',
  'STATE_DIRECTORY_INVALID',
  'CGROUP_INVALID',
  'UNSUPPORTED',
  'TOKEN_INVALID',
  // not found (3)
  'STATE_NOT_FOUND',
  'VOLUME_NOT_FOUND',
  'GROUP_NOT_FOUND',
  'GENERATION_NOT_FOUND',
  'TRANSACTION_NOT_FOUND',
  'HOLD_NOT_FOUND',
  'PIN_NOT_FOUND',
  'NODE_NOT_FOUND',
  // conflict (4)
  'BUSY',
  'EXISTS',
  'EXPECTATION_FAILED',
  'REQUEST_CONFLICT',
  'IN_USE',
  'STALE_EPOCH',
  // begun, then aborted (5)
  'ABORTED',
  'CONFLICT',
  'HOOK_FAILED',
  'FREEZE_FAILED',
  'FREEZE_LAPSED',
  'NO_SPACE',
  'STAGE_FAILED',
  'STAGED_NAME_EXISTS',
  'COMMAND_FAILED',
  'INTERRUPTED',
  'TIMED_OUT',
  // unavailable, and nothing was begun (6)
  'UNAVAILABLE',
  'LOG_CORRUPT',
  'LOG_FOREIGN',
  'LOG_FORMAT_NEWER',
  'LOG_BEHIND_STAMP',
  'LOG_LATCHED',
  'STORE_READ_ONLY',
  'STORE_FULL',
  'DEPENDENCY_MISSING',
  'VOLUME_UNAVAILABLE',
  'CLOCK_SKEW',
  // outcome unknown (7)
  'OUTCOME_UNKNOWN',
  'APPEND_EXPIRED',
  // denied (8)
  'DENIED',
  'CERTIFICATE_INVALID',
  'TOKEN_EXPIRED',
  'TOKEN_USED',
  'TOKEN_UNKNOWN',
  // committed, publishing still pending (9)
  'PUBLISH_PENDING',
  // verification failed (10)
  'VERIFY_FAILED',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** What may stand in an error's details: plain data that JSON can carry. */
export type Detail = string | number | boolean | null | readonly Detail[] | { readonly [key: string]: Detail };
export type Details = Readonly<Record<string, Detail>>;

export class SnapcommitError extends Error {
  readonly code: ErrorCode;
  readonly details: Details;

  constructor(code: ErrorCode, message: string, details: Details = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SnapcommitError';
    this.code = code;
    this.details = details;
  }
}

/** An impossible state. `invariant` is its number in src/README.md, such as `L3`. */
export class InvariantError extends Error {
  readonly invariant: string;

  constructor(invariant: string, message: string) {
    super(`invariant ${invariant} violated: ${message}`);
    this.name = 'InvariantError';
    this.invariant = invariant;
  }
}

/** Throws unless `condition` holds. */
export function assertInvariant(condition: boolean, invariant: string, message: string): asserts condition {
  if (!condition) throw new InvariantError(invariant, message);
}

/** For the default branch of an exhaustive switch. */
export function unreachable(value: never): never {
  throw new InvariantError('types', `unhandled case ${JSON.stringify(value)}`);
}

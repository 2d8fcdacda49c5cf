/** Failures as they travel, between a command and its daemon and between daemons. */
import { ERROR_CODES, SnapcommitError, type Details, type ErrorCode } from '../errors.js';
import { nullable, object, oneOf, plain, text, type Check } from '../wire/shape.js';

export interface WireError {
  /** null: nobody expected it. */
  readonly code: ErrorCode | null;
  readonly message: string;
  readonly details: Details;
}

const details: Check<Details> = (value, where) => plain(value, where) as Details;
export const wireErrorShape = object<WireError>({ code: nullable(oneOf(ERROR_CODES)), message: text, details });

export function wireErrorOf(error: unknown): WireError {
  if (error instanceof SnapcommitError) return { code: error.code, message: error.message, details: error.details };
  return { code: null, message: error instanceof Error ? error.message : String(error), details: {} };
}

export function errorOf({ code, message, details: about }: WireError): Error {
  return code === null ? unexpected(message) : new SnapcommitError(code, message, about);
}

const DAEMON_FAILED = 'the daemon failed: ';

/** What nobody expected, of this daemon or of `node`'s; what passed through two daemons has failed in one. */
export function unexpected(message: string, node: string | null = null): Error {
  const where = node === null ? '' : `node ${node}: `;
  return new Error(message.includes(DAEMON_FAILED) ? `${where}${message}` : `${where}${DAEMON_FAILED}${message}`);
}

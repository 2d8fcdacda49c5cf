/** Failures on their way out: whatever was thrown becomes a code, a message and a document. */
import { SnapcommitError, type Details } from '../errors.js';

/** Bad usage or input (2). The message says what is wrong, and what to do. */
export function usage(message: string, details: Details = {}): SnapcommitError {
  return new SnapcommitError('USAGE', message, details);
}

/** What --json prints for a failure. INTERNAL stands for everything that nobody expected. */
export interface FailureDocument {
  readonly error: { readonly code: string; readonly message: string; readonly details: Details };
}

export function failureDocument(error: unknown): FailureDocument {
  if (error instanceof SnapcommitError) {
    return { error: { code: error.code, message: error.message, details: error.details } };
  }
  return { error: { code: 'INTERNAL', message: messageOf(error), details: {} } };
}

/** System calls that failed outside of every place that knows more: what their errno says to a person. */
export function asExpected(error: unknown): unknown {
  if (error instanceof SnapcommitError || !(error instanceof Error) || !('code' in error)) return error;
  const details = { errno: String(error.code) };
  switch (error.code) {
    case 'EACCES':
    case 'EPERM':
      return new SnapcommitError('DENIED', `${error.message}. Run it as a user who may, or as root.`, details, error);
    case 'ENOSPC':
    case 'EDQUOT':
      return new SnapcommitError('STORE_FULL', `${error.message}. Free some space, then try again.`, details, error);
    case 'EROFS':
      return new SnapcommitError(
        'STORE_READ_ONLY',
        `${error.message}. Make it writable, then try again.`,
        details,
        error,
      );
    default:
      return error;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** For --verbose: the failure with its stack, and each cause beneath it. */
export function explain(error: unknown): string {
  const lines: string[] = [];
  for (let cause = error; cause !== undefined; cause = cause instanceof Error ? cause.cause : undefined) {
    lines.push(cause instanceof Error ? (cause.stack ?? cause.message) : JSON.stringify(cause));
  }
  return `${lines.join('\ncaused by: ')}\n`;
}

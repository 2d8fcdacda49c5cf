/** What a daemon makes of failures in its own work. */
import { SnapcommitError } from '../../errors.js';

/** A log that cannot go on, or that is not the volumes' own: nothing is done by itself on its word (D9). */
export function isLostLog(error: unknown): boolean {
  if (!(error instanceof SnapcommitError)) return false;
  return error.code === 'DENIED' || error.code.startsWith('LOG_');
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

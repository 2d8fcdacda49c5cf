/** What is done may not be told as if nothing had been, because it cannot be looked at any more (L6). */
import { SnapcommitError } from '../errors.js';
import { messageOf } from '../participant/publish.js';

/** `what` is done, and `look` answers how it stands; where that fails, `command` (of snapcommit) tells later: OUTCOME_UNKNOWN. */
export async function shown<T>(what: string, command: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    const message = `${what}, but how it stands cannot be read: ${messageOf(error)}. \`snapcommit ${command}\` tells.`;
    throw new SnapcommitError('OUTCOME_UNKNOWN', message, {}, error);
  }
}

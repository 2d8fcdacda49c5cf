/** What is done may not be told as if nothing had been, because it cannot be looked at any more (L6). */
import { SnapcommitError } from '../errors.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import { asUnseen } from '../participant/publishing.js';
import { generationReport } from './documents.js';
import type { GenerationReport } from './reports.js';

/** `what` is done, and `look` answers how it stands; where that fails, `command` (of snapcommit) tells later: OUTCOME_UNKNOWN. */
export async function shown<T>(what: string, command: string, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (error) {
    const message = `${what}, but how it stands cannot be read: ${messageOf(error)}. \`snapcommit ${command}\` tells.`;
    throw new SnapcommitError('OUTCOME_UNKNOWN', message, {}, error);
  }
}

/** A generation that this command has committed, as it is now; PUBLISH_PENDING where that cannot be read. */
export async function shownGeneration(context: Context, record: GenerationRecord): Promise<GenerationReport> {
  try {
    return await generationReport(context, await context.log.read(), record);
  } catch (error) {
    throw asUnseen(record.group, record.generation, error);
  }
}

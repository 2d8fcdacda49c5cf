/**
 * Appending to the log and hearing what came of it. An answer that is not known is never guessed (L6).
 */
import { SnapcommitError } from '../errors.js';
import type { Operation, Outcome, Slot, TransactionId } from '../machine/entry.js';
import type { AppendResult, RequestKey } from '../ports/log.js';
import type { Context } from './context.js';

export interface Accepted {
  readonly slot: Slot;
  readonly generation: number | null;
  readonly transaction: TransactionId | null;
}

/** Appends; rejects with the reducer's refusal, UNAVAILABLE (surely not done) or OUTCOME_UNKNOWN. */
export async function append(
  context: Context,
  operation: Operation,
  request: RequestKey | null = null,
): Promise<Accepted> {
  const result = await context.log.append(operation, request);
  const { slot, outcome } = requireChosen(result, operation);
  if (!outcome.ok) throw new SnapcommitError(outcome.code, outcome.message, outcome.details);
  return { slot, generation: outcome.generation, transaction: outcome.transaction };
}

/** What was chosen; rejects with UNAVAILABLE (surely not done) or OUTCOME_UNKNOWN. */
export function requireChosen(
  result: AppendResult,
  operation: Operation,
): { readonly slot: Slot; readonly outcome: Outcome } {
  switch (result.status) {
    case 'chosen':
      return result;
    case 'notDone':
      throw new SnapcommitError('UNAVAILABLE', `the log did not take the entry: ${result.reason}. Nothing was done.`);
    case 'unknown': {
      const transaction = 'transaction' in operation ? operation.transaction : null;
      const ask = transaction === null ? '`snapcommit status`' : `\`snapcommit transaction show ${transaction}\``;
      throw new SnapcommitError(
        'OUTCOME_UNKNOWN',
        `whether the log took the entry is not known: ${result.reason}. Ask again with ${ask}.`,
        transaction === null ? {} : { transaction },
      );
    }
  }
}

/**
 * Appending to the log and reading what came of it. Everything that the coordinator decides goes through here; an
 * answer that is not known is never guessed (L6).
 */
import { SnapcommitError } from '../errors.js';
import type { Abort, Begin, Commit, Epoch, Operation, Outcome, Slot, TransactionId } from '../machine/entry.js';
import type { AppendResult, RequestKey } from '../ports/log.js';
import type { Context } from '../participant/context.js';
import { crashPoint } from '../crash-points.js';

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

function requireChosen(result: AppendResult, operation: Operation): { readonly slot: Slot; readonly outcome: Outcome } {
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

export interface Begun {
  readonly begin: Begin;
  readonly epoch: Epoch;
}

/** The durable intent. A remembered request id answers with its transaction instead of beginning again. */
export async function begin(
  context: Context,
  operation: Begin,
  request: RequestKey | null,
): Promise<
  { readonly kind: 'begun'; readonly begun: Begun } | { readonly kind: 'repeated'; readonly generation: number }
> {
  crashPoint('begin.before');
  const accepted = await append(context, operation, request);
  crashPoint('begin.after');
  if (accepted.generation !== null) return { kind: 'repeated', generation: accepted.generation };
  const epoch = { incarnation: context.log.identity.incarnation, slot: accepted.slot };
  return { kind: 'begun', begun: { begin: operation, epoch } };
}

/** The commit point. Resolves to the generation's number. */
export async function commit(context: Context, operation: Commit): Promise<number> {
  crashPoint('commit.before');
  const accepted = await append(context, operation);
  crashPoint('commit.after');
  if (accepted.generation === null)
    throw new SnapcommitError('OUTCOME_UNKNOWN', 'the log named no generation for the commit');
  return accepted.generation;
}

/** Gives up. Losing against a commit or an earlier abort is no error: the first in slot order has won. */
export async function abort(context: Context, begun: Begun, code: Abort['code'], reason: string): Promise<void> {
  crashPoint('abort.before');
  const { transaction } = begun.begin;
  const result = await context.log.append({ type: 'abort', transaction, epoch: begun.epoch, code, reason });
  requireChosen(result, begun.begin);
  crashPoint('abort.after');
}

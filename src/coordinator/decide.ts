/** What a coordinator decides: begin, commit, abort. Each is one entry of the log. */
import { SnapcommitError } from '../errors.js';
import type { Abort, Begin, Commit, Epoch } from '../machine/entry.js';
import { append, requireChosen } from '../participant/append.js';
import type { RequestKey } from '../ports/log.js';
import type { Context } from '../participant/context.js';
import { crashPoint } from '../crash-points.js';

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
  context.report({ kind: 'transaction', transaction: operation.transaction });
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

/** The fence check: whether whoever asks still speaks for the transaction. */
import { SnapcommitError } from '../errors.js';
import type { Epoch } from '../machine/entry.js';
import { lookup } from '../machine/record.js';
import type { OpenTransaction, State } from '../machine/state.js';
import type { Work } from '../ports/participant.js';
import type { Context } from './context.js';

/** What follows happens under the volumes' locks and only while this epoch is the transaction's newest. */
export async function assertEpoch(context: Context, work: Work): Promise<void> {
  requireOpen(await context.log.read(), work);
}

/** The open transaction that this epoch speaks for. @throws STALE_EPOCH when there is none. */
export function requireOpen(state: State, { transaction, epoch }: Work): OpenTransaction {
  const open = lookup(state.open, transaction);
  if (open !== undefined && isSameEpoch(open.epoch, epoch)) return open;
  throw new SnapcommitError(
    'STALE_EPOCH',
    open === undefined
      ? `transaction ${transaction} has been decided by another process meanwhile`
      : `transaction ${transaction} was taken over by another process; nothing was published`,
    { transaction },
  );
}

export function isSameEpoch(a: Epoch, b: Epoch): boolean {
  return a.slot === b.slot && a.incarnation === b.incarnation;
}

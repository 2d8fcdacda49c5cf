/** How a decision enters the state, and what those are told who come after it or without the right epoch. PURE. */
import type { Abort, Commit, Epoch, TakeOver } from './entry.js';
import { generationKey } from './keys.js';
import { abortedAlready, transactionNotFound } from './refusals.js';
import { finishedTransaction } from './queries.js';
import { withoutKey } from './record.js';
import { decideSession } from './sessions.js';
import { FINISHED_KEPT } from './state.js';
import type { Decision, FinishedTransaction, OpenTransaction, State } from './state.js';
import { refusal, type Refusal, type StepContext } from './step.js';

/** Ends an open transaction. `manifestDigest`: of what was committed; null for an abort. */
export function decide(
  state: State,
  open: OpenTransaction,
  decision: Decision,
  { slot }: StepContext,
  manifestDigest: string | null,
): State {
  const { transaction, group, mode } = open.begin;
  const finished: FinishedTransaction = {
    transaction,
    group,
    mode,
    epoch: open.epoch,
    decidedSlot: slot,
    decision,
    manifestDigest,
  };
  return {
    ...state,
    open: withoutKey(state.open, transaction),
    finished: [...state.finished, finished].slice(-FINISHED_KEPT),
    sessions: open.request === null ? state.sessions : decideSession(state.sessions, open.request, decision, slot),
  };
}

/** What an operation is told that came after the decision, or that names nothing. */
export function decidedAlready(state: State, { transaction }: TakeOver | Commit | Abort): Refusal {
  const finished = finishedTransaction(state, transaction);
  if (finished === undefined) return transactionNotFound(transaction);
  const { group, decision } = finished;
  if (decision.kind === 'aborted') return abortedAlready(transaction, decision);
  const { generation } = decision;
  const message = `Transaction ${transaction} is committed already, as ${generationKey(group, generation)}: nothing is left to decide.`;
  return refusal('EXISTS', message, { transaction, group, generation, decision: 'committed' });
}

export function sameEpoch(a: Epoch, b: Epoch): boolean {
  return a.incarnation === b.incarnation && a.slot === b.slot;
}

/** STALE_EPOCH unless it is the transaction's own: most often somebody has taken the transaction over since (T6). */
export function epochProblem(open: OpenTransaction, epoch: Epoch): Refusal | null {
  if (sameEpoch(open.epoch, epoch)) return null;
  const { transaction } = open.begin;
  const { node } = open.coordinator;
  const message = open.takenOver
    ? `Transaction ${transaction} was taken over by node ${node}: this coordinator is no longer in charge and must stop.`
    : `Transaction ${transaction} is driven from node ${node} under another epoch: this coordinator is not in charge and must stop.`;
  return refusal('STALE_EPOCH', message, { transaction, node, slot: open.epoch.slot });
}

/** A transaction that was taken over can only be aborted, by whatever epoch (T6). */
export function takenOverProblem(open: OpenTransaction): Refusal | null {
  if (!open.takenOver) return null;
  const { transaction } = open.begin;
  const message = `Transaction ${transaction} was taken over and can only be aborted: abort it, then run the command again.`;
  return refusal('STALE_EPOCH', message, { transaction, slot: open.epoch.slot });
}

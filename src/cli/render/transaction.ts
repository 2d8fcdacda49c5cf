/** A transaction for people. Pure. */
import type { TransactionReport } from '../../index.js';
import { pairs } from './table.js';
import { shortTime } from './text.js';

/** What became of it, or who drives it. */
export function transactionOutcome({ group, generation, reason, coordinator }: TransactionReport): string {
  if (generation !== null) return `${group}@${String(generation)}`;
  if (coordinator === null) return reason ?? '-';
  const { node, pid, alive } = coordinator;
  return `driven by process ${String(pid)} on ${node}${alive ? '' : ', which is gone: run `snapcommit recover`'}`;
}

export function transactionText(transaction: TransactionReport): string {
  return pairs([
    ['transaction', transaction.transaction],
    ['group', transaction.group],
    ['mode', transaction.mode],
    ['state', transaction.state],
    ['since', transaction.since === null ? '-' : shortTime(transaction.since)],
    ['outcome', transactionOutcome(transaction)],
  ]);
}

/** A transaction for people. Pure. */
import type { OpenTransactionReport, TransactionReport } from '../../index.js';
import { pairs } from './table.js';
import { duration, printable, shortTime } from './text.js';

/** What became of it, or who drives it. */
export function transactionOutcome({ group, generation, reason, coordinator }: TransactionReport): string {
  if (generation !== null) return `${group}@${String(generation)}`;
  if (coordinator === null) return reason ?? '-';
  const { node, pid, alive } = coordinator;
  return `driven by process ${String(pid)} on ${node}${alive ? '' : ', which is gone: run `snapcommit recover`'}`;
}

/** `b (stage, 2.1 s), c (stage, 0.4 s)`. */
function waitingText(waitingFor: OpenTransactionReport['waitingFor']): string {
  return waitingFor.map(({ node, phase, sinceMs }) => `${node} (${printable(phase)}, ${duration(sinceMs)})`).join(', ');
}

/** One line of `status`: who drives it, how far it is, and who is waited for (G7). */
export function openTransactionLine(transaction: OpenTransactionReport): string {
  const { group, coordinator, phase, waitingFor, takenOver, unknownBecause } = transaction;
  const { node, pid } = coordinator;
  const parts = [
    `driven by process ${String(pid)} on ${node} since ${shortTime(transaction.beganAt)}`,
    ...(takenOver ? ['taken over, to be aborted'] : []),
    ...(phase === null ? [] : [`phase ${printable(phase)}`]),
    ...(unknownBecause === null ? [] : [`phase unknown: ${printable(unknownBecause)}`]),
    ...(waitingFor.length === 0 ? [] : [`waiting for ${waitingText(waitingFor)}`]),
  ];
  return `${transaction.transaction} (${transaction.mode} of ${group}): ${parts.join('; ')}`;
}

export function transactionText(transaction: TransactionReport): string {
  return pairs([
    ['transaction', transaction.transaction],
    ['group', transaction.group],
    ['mode', transaction.mode],
    ['state', transaction.state],
    ['since', transaction.since === null ? '-' : shortTime(transaction.since)],
    ['outcome', transactionOutcome(transaction)],
    ...(transaction.phase === null ? [] : [['phase', printable(transaction.phase)] as const]),
    ...(transaction.waitingFor.length === 0 ? [] : [['waiting for', waitingText(transaction.waitingFor)] as const]),
  ]);
}

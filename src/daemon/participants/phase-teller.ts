/** From what a coordinator reports while it runs to what its node's daemon is told of it, for whoever asks `status`. */
import type { TransactionId } from '../../machine/entry.js';
import type { Progress } from '../../participant/context.js';
import type { ClusterAccess } from './asker.js';

type Report = (progress: Progress) => void;

/** Passes everything on to `report`. One coordinator drives one transaction at a time. */
export function tellingPhases(cluster: Pick<ClusterAccess, 'tellPhase'>, report: Report): Report {
  let transaction: TransactionId | null = null;
  let phase = '';
  let hosts: Readonly<Record<string, string>> = {};
  return (progress) => {
    report(progress);
    if (progress.kind === 'transaction') {
      transaction = progress.transaction;
      phase = 'begun';
      hosts = {};
    } else if (progress.kind === 'phase') phase = progress.phase;
    else if (progress.kind === 'host') {
      phase = progress.phase.split(':')[0] ?? progress.phase;
      hosts = { ...hosts, [progress.node]: progress.phase };
    } else return;
    if (transaction !== null) cluster.tellPhase({ transaction, phase, hosts });
  };
}

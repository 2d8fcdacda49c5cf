/** What a replica's queues are told to be, once a tick. */
import type { ReplicaMetrics } from '../ports/cluster-log.js';
import type { Callers } from './callers.js';
import type { CoreLoop } from './core-loop.js';

export function measure(metrics: ReplicaMetrics, callers: Callers, { commit, replica }: CoreLoop): void {
  const { appends, forwarded, reads } = callers.depths();
  metrics.queue('appends', appends);
  metrics.queue('forwarded', forwarded);
  metrics.queue('reads', reads);
  metrics.queue('unsynced', commit.waiting);
  metrics.ballot(replica.promised.round);
}

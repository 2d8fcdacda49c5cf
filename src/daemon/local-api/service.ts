/** What the daemon serves to the command lines of its machine: the log, and the cluster's administration. Types only. */
import type { AppendKey, Operation } from '../../machine/entry.js';
import type { AppendResult, ReplicatedLog, RequestKey } from '../../ports/log.js';
import type { ClusterAdmin } from '../cluster/admin.js';

/**
 * The log, with the name by which a repeat of an append is known (null where the log shall give one itself), and the
 * entry of all this as it was sent.
 */
export interface ServedLog extends Omit<ReplicatedLog, 'append'> {
  append(
    operation: Operation,
    request: RequestKey | null,
    key: AppendKey | null,
    encoded: Uint8Array,
  ): Promise<AppendResult>;
}

export interface LocalService {
  readonly log: ServedLog;
  readonly admin: ClusterAdmin;
}

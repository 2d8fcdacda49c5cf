/** What the daemon serves to the command lines of its machine: the log, and the cluster's administration. Types only. */
import type { Operation } from '../../machine/entry.js';
import type { AppendResult, ReplicatedLog, RequestKey } from '../../ports/log.js';
import type { ClusterAdmin } from '../cluster/admin.js';
import type { AppendKey } from './append-key.js';

/** The log, with the key by which the repeat of an append is known for one. */
export interface ServedLog extends Omit<ReplicatedLog, 'append'> {
  append(operation: Operation, request: RequestKey | null, key: AppendKey): Promise<AppendResult>;
}

export interface LocalService {
  readonly log: ServedLog;
  readonly admin: ClusterAdmin;
}

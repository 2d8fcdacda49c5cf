/**
 * What the daemon serves to the command lines of its machine: the log, the cluster's administration, and calls
 * to the participants of all nodes. Types only.
 */
import type { AppendKey, Operation } from '../../machine/entry.js';
import type { GenerationRecord, State } from '../../machine/state.js';
import type { AppendResult, ReplicatedLog, RequestKey } from '../../ports/log.js';
import type { ClusterAdmin } from '../cluster/admin.js';
import type { Asker } from '../participants/asker.js';
import type { PhaseTold } from '../participants/protocol.js';

/** The log, with the name by which a repeat of an append is known; null where the log shall give one itself. */
export interface ServedLog extends Omit<ReplicatedLog, 'append'> {
  append(operation: Operation, request: RequestKey | null, key: AppendKey | null): Promise<AppendResult>;
}

/** As of the last slot applied here, without asking anybody. @throws UNAVAILABLE where nothing can be read at all. */
export interface StaleReads {
  staleState(): State;
  staleGeneration(group: string, generation: number): Promise<GenerationRecord | undefined>;
  staleGenerations(group: string): Promise<readonly GenerationRecord[]>;
}

export interface LocalService {
  readonly log: ServedLog;
  readonly stale: StaleReads;
  readonly admin: ClusterAdmin;
  readonly calls: Asker;
  readonly phases: { tell(told: PhaseTold): void };
}

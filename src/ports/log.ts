/**
 * The replicated log with its state machine, as coordinator and participant see it. Types only.
 *
 * Durable before what leaves: an `append` is answered `chosen` only after a majority's stores have synced the entry;
 * `notDone` only when the entry can never be chosen; everything else is `unknown`.
 */
import type { Operation, Outcome, Slot } from '../machine/entry.js';
import type { GenerationRecord, State } from '../machine/state.js';

export type AppendResult =
  | { readonly status: 'chosen'; readonly slot: Slot; readonly outcome: Outcome }
  | { readonly status: 'notDone'; readonly reason: string }
  | { readonly status: 'unknown'; readonly reason: string };

export interface RequestKey {
  readonly id: string;
  readonly digest: string;
}

/** The identity of the log that this node belongs to. */
export interface LogIdentity {
  /** A UUID, made by `init`. */
  readonly cluster: string;
  readonly node: string;
  readonly incarnation: number;
}

export interface LogStatus {
  readonly engine: 'paxos' | 'etcd';
  readonly lastSlot: Slot;
  readonly checkpointSlot: Slot;
}

export interface ReplicatedLog {
  readonly identity: LogIdentity;
  /** Appends one operation and applies it. Resolves after the sync; rejects only with LOG_* and STORE_* errors before anything was proposed. */
  append(operation: Operation, request?: RequestKey | null): Promise<AppendResult>;
  /** A linearizable read: the state with every entry chosen before this call applied. Takes no ballot and writes nothing. */
  read(): Promise<State>;
  /** One generation, live in the state that `read` would answer; undefined when there is none. */
  generation(group: string, generation: number): Promise<GenerationRecord | undefined>;
  /** All live generations of a group, ascending. */
  generations(group: string): Promise<readonly GenerationRecord[]>;
  status(): Promise<LogStatus>;
  /**
   * The slot as of which everything is read here without having asked a majority; null, or left out: reads are linearizable.
   * Known after the first read, and of a log that was opened for it (--stale).
   */
  readonly staleSlot?: Slot | null;
  /** Writes a checkpoint and drops what it covers. */
  checkpoint(): Promise<void>;
  /** Reads and checks every stored row (CRC, hash chain). Returns how many rows were read; rejects with LOG_CORRUPT. */
  scrub(): Promise<number>;
  close(): void;
}

/** What a replica's host can be told, with the defaults of the daemon. */
import { DEFAULT_LIMITS, type Limits } from '../paxos/limits.js';
import type { Clock } from '../ports/clock.js';
import type { ReplicaEvent, ReplicaMetrics } from '../ports/cluster-log.js';
import type { ReplicaStore } from '../ports/replica-store.js';
import type { Timers } from '../ports/timers.js';
import { ENTRY_BYTES_MAX } from './entry-bytes.js';
import type { AppliedSlot } from './state-machine.js';
import type { State } from '../machine/state.js';

export interface HostSettings {
  /** The core's only time: heartbeats, elections and saying again follow from it (paxos/limits.ts counts in ticks). */
  readonly tickMs: number;
  readonly appendTimeoutMs: number;
  readonly readTimeoutMs: number;
  readonly reconfigureTimeoutMs: number;
  /** What may wait for an answer; beyond it appends are a sure "not done", and reads are refused. */
  readonly pendingAppendsMax: number;
  readonly pendingAppendBytesMax: number;
  /** A larger entry is refused (entry-bytes.ts). */
  readonly entryBytesMax: number;
  readonly pendingReadsMax: number;
  /** A checkpoint is written after this many slots, or bytes of entries, whichever comes first. */
  readonly checkpointSlots: number;
  readonly checkpointBytes: number;
  /** Entries below the checkpoint that are kept for peers that lag a little, but never more bytes than `checkpointBytes`. */
  readonly keepSlots: number;
  /** How long appends are refused after the store said that it is full, before it is tried again. */
  readonly fullRetryMs: number;
  /** How often all that is stored is read and checked. */
  readonly scrubEveryMs: number;
  /** How long the end waits for the disk. */
  readonly endTimeoutMs: number;
  readonly limits: Limits;
}

export const DEFAULT_SETTINGS: HostSettings = {
  tickMs: 50,
  appendTimeoutMs: 10_000,
  readTimeoutMs: 10_000,
  reconfigureTimeoutMs: 30_000,
  pendingAppendsMax: 2048,
  pendingAppendBytesMax: 16 << 20,
  entryBytesMax: ENTRY_BYTES_MAX,
  pendingReadsMax: 4096,
  checkpointSlots: 8192,
  checkpointBytes: 16 << 20,
  keepSlots: 2048,
  fullRetryMs: 1000,
  scrubEveryMs: 86_400_000,
  endTimeoutMs: 5000,
  limits: DEFAULT_LIMITS,
};

export interface ReplicaHostPorts {
  readonly store: ReplicaStore;
  /** Drops rather than blocks (ports/transport.ts). */
  readonly send: (to: string, message: Uint8Array) => void;
  readonly timers: Timers;
  readonly clock: Clock;
  readonly metrics?: ReplicaMetrics;
  readonly onEvent?: (event: ReplicaEvent) => void;
  /** Sees every slot that is applied, with the state after it. */
  readonly onApplied?: (applied: AppliedSlot, state: State) => void;
}

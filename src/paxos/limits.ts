/** Bounds of one replica: nothing that it holds or sends grows without one. PURE. */

export interface Limits {
  /** Decided entries that one `learn` carries at most; it carries one at least. */
  readonly learnEntries: number;
  readonly learnBytes: number;
  /**
   * Entries that are proposed and not decided: beyond them proposals are rejected as 'busy'. They bound what a promise
   * and an acceptSync carry, too, so a frame must hold twice as many bytes and some more.
   */
  readonly inFlightEntries: number;
  readonly inFlightBytes: number;
  /** Reads that wait for a quorum. */
  readonly reads: number;
  /** Ticks of one heartbeat round. A leader that is gone is replaced after two to three rounds. */
  readonly roundTicks: number;
  /** Rounds that a reconfiguration waits for a majority of the new voters to hold the log before it gives up. */
  readonly stoppingRounds: number;
}

export const DEFAULT_LIMITS: Limits = {
  learnEntries: 512,
  learnBytes: 1 << 20,
  inFlightEntries: 4096,
  inFlightBytes: 4 << 20,
  reads: 4096,
  roundTicks: 4,
  stoppingRounds: 10,
};

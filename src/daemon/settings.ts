/** The settings of a cluster's member, and what holds where nobody says otherwise. */

export interface MemberSettings {
  /** How long one operation of a command waits for the log, tries included. */
  readonly logTimeoutMs: number;
  /** The beat of elections and heartbeats; a leader is replaced after some ten that are missed. */
  readonly heartbeatMs: number;
  /** After so many slots the state is written as a checkpoint. */
  readonly checkpointSlots: number;
  /** So many slots below it are kept for members that lag a little; who lags more gets the checkpoint. */
  readonly keepSlots: number;
  /** How long a node must have been unreachable before others take over what it was coordinating. */
  readonly takeOverAfterMs: number;
  /** A request to another node fails once that node has been out of reach for so long. */
  readonly unreachableMs: number;
  /** How often all of the stored log is read, slowly, to see whether it is whole. */
  readonly scrubEveryMs: number;
  /** `HOST:PORT` that the daemon listens on for its peers; null: the port that peers are told, on every address. */
  readonly listen: string | null;
  /** `HOST:PORT` that peers are told to call; null: the one given to `cluster init` or `cluster join`. */
  readonly advertise: string | null;
  /** `HOST:PORT` for metrics; null: none are served. */
  readonly metricsListen: string | null;
}

export const DEFAULT_MEMBER_SETTINGS: MemberSettings = {
  logTimeoutMs: 15_000,
  heartbeatMs: 50,
  checkpointSlots: 8192,
  keepSlots: 2048,
  takeOverAfterMs: 1000,
  unreachableMs: 2000,
  scrubEveryMs: 86_400_000,
  listen: null,
  advertise: null,
  metricsListen: null,
};

/** Every bound of the transport, with its default. */
export interface TransportLimits {
  /** The largest message. Larger ones are not sent; who sends one is cut off. */
  readonly messageBytesMax: number;
  /** What may wait for one peer. Beyond either the newest message is refused, so that what waits stays without gaps. */
  readonly queuedBytesMax: number;
  readonly queuedFramesMax: number;
  /** Handed to the socket at once; what it holds comes on top of the queue. */
  readonly batchBytesMax: number;
  /** Messages of one peer that the user took and has not finished; beyond it that peer is not read. */
  readonly unhandledBytesMax: number;
  readonly unhandledFramesMax: number;
  /** From the call, or the accepted connection, to the exchanged hellos. */
  readonly greetingMs: number;
  /** Connections that have not shown a member's certificate: beyond either bound the oldest is closed for the newest. */
  readonly strangersMax: number;
  readonly strangersPerAddressMax: number;
  /** Something is sent at least this often. */
  readonly keepaliveMs: number;
  /** A peer that is silent for this many keepalive periods is cut off. */
  readonly silentPeriodsMax: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** How long a closing connection may take to send what it has. */
  readonly lingerMs: number;
  /** Equal refusals and failures are told once in this time. */
  readonly repeatMs: number;
}

export const DEFAULT_LIMITS: TransportLimits = {
  messageBytesMax: 8 << 20,
  queuedBytesMax: 32 << 20,
  queuedFramesMax: 65_536,
  batchBytesMax: 256 << 10,
  unhandledBytesMax: 16 << 20,
  unhandledFramesMax: 4096,
  greetingMs: 5000,
  strangersMax: 64,
  strangersPerAddressMax: 16,
  keepaliveMs: 1000,
  silentPeriodsMax: 5,
  reconnectMinMs: 50,
  reconnectMaxMs: 3000,
  lingerMs: 1000,
  repeatMs: 60_000,
};

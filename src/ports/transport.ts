/**
 * Messages between the nodes of one cluster. Types only.
 *
 * What is promised: a message that arrives is whole, unchanged, and was sent by the node that it says, a member of this
 * cluster. Between two nodes messages arrive in the order in which they were sent, for as long as one connection lasts.
 * What is not: that a message arrives at all. It is dropped, and counted, when its receiver is not connected or does not
 * read fast enough; whoever needs an answer asks again. Nothing is kept across connections, nothing arrives twice.
 */
export interface Transport {
  /** Queues for `to`; drops and counts when it is not connected or its queue is full. Never blocks, never throws. */
  send(to: string, message: Uint8Array): void;
  /** Whom to talk to; replaces the set. Who is not in it is refused, and a connection to them is closed. */
  setPeers(peers: ReadonlyMap<string, PeerAddress>): void;
  /** Sends what is queued, tells the peers, and ends. Whoever does not take it within a moment is cut off. */
  close(): Promise<void>;
}

export interface PeerAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * What a node says of itself when a connection is made; the same in both directions. `store` and `notes` are opaque here:
 * by them a host recognises a store that was wiped, cloned or rolled back.
 */
export interface Introduction {
  readonly incarnation: number;
  readonly store: string;
  readonly configuration: number;
  readonly notes: Readonly<Record<string, string | number>>;
}

/** Who uses a transport. */
export interface TransportUser {
  /** Said anew at each connection. */
  introduce(): Introduction;
  /** A sentence that says why this peer may not come in, or null to let it in. Both sides log the sentence. */
  judge(peer: string, introduction: Introduction): string | null;
  /**
   * In order for each peer. While promises of a peer's messages are open beyond a bound, nothing more is read from it.
   * An error here is the user's own: it is not caught.
   */
  onMessage(from: string, message: Uint8Array): void | Promise<void>;
  /** Of one peer `connected` and `disconnected` come by turns: the last one of them is how it is. */
  onEvent(event: TransportEvent): void;
}

/** Why a connection did not come about, or was ended by us; the same words on both sides. */
export type RefusalReason =
  | 'certificate' // not of this cluster's authority, or expired
  | 'clock' // a certificate of this cluster's whose time has not come, by the clock of who refuses
  | 'cluster'
  | 'node' // the certificate names another node than the hello, or than the one that was called
  | 'unknown-member'
  | 'version'
  | 'protocol' // garbage, an oversized frame, a message before the hello
  | 'judged' // the user's own reason
  | 'busy'; // too many connections that have not introduced themselves

export type TransportEvent =
  | { readonly type: 'connected'; readonly peer: string; readonly introduction: Introduction }
  | { readonly type: 'disconnected'; readonly peer: string; readonly message: string }
  /** At most one a minute for one peer and reason; `repeated` counts those that were left out since the last one. */
  | {
      readonly type: 'refused';
      /** Who said no. */
      readonly by: 'us' | 'peer';
      /** As far as it is known. */
      readonly peer: string | null;
      readonly address: string;
      readonly reason: RefusalReason;
      readonly message: string;
      readonly repeated: number;
    }
  /** A call did not get through; limited like refusals. */
  | { readonly type: 'unreachable'; readonly peer: string; readonly message: string; readonly repeated: number };

export interface PeerCounters {
  connected: boolean;
  connections: number;
  sentFrames: number;
  sentBytes: number;
  receivedFrames: number;
  receivedBytes: number;
  /** Messages dropped because the peer was not connected, or its queue was full, or the message was too large. */
  droppedDisconnected: number;
  droppedFull: number;
  droppedOversized: number;
  /** How often reading was held back because the user was behind. */
  pauses: number;
  queuedFrames: number;
  queuedBytes: number;
}

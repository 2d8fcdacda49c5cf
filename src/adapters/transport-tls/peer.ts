/** What the transport keeps of one member: the connection that counts, its counters, and what its messages still cost us. */
import type { PeerCounters } from '../../ports/transport.js';
import type { Caller } from './caller.js';
import type { Connection } from './connection.js';
import { Inbox, type InboxBounds } from './inbox.js';

export class Peer {
  readonly counters: PeerCounters = {
    connected: false,
    connections: 0,
    sentFrames: 0,
    sentBytes: 0,
    receivedFrames: 0,
    receivedBytes: 0,
    droppedDisconnected: 0,
    droppedFull: 0,
    droppedOversized: 0,
    pauses: 0,
    queuedFrames: 0,
    queuedBytes: 0,
  };
  readonly inbox: Inbox;
  connection: Connection | null = null;
  /** Null where the peer calls us. */
  caller: Caller | null = null;

  constructor(bounds: InboxBounds) {
    this.inbox = new Inbox(bounds);
  }

  send(message: Uint8Array, bytesMax: number): void {
    const { connection, counters } = this;
    if (message.length > bytesMax) counters.droppedOversized += 1;
    else if (connection === null) counters.droppedDisconnected += 1;
    else if (connection.send(message)) {
      counters.sentFrames += 1;
      counters.sentBytes += message.length;
    } else counters.droppedFull += 1;
  }

  received(bytes: number): void {
    this.counters.receivedFrames += 1;
    this.counters.receivedBytes += bytes;
  }

  snapshot(): PeerCounters {
    const queue = this.connection?.queue;
    return {
      ...this.counters,
      connected: this.connection !== null,
      queuedFrames: queue?.frames ?? 0,
      queuedBytes: queue?.bytes ?? 0,
    };
  }
}

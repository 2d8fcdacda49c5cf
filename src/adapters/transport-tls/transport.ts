/** Joins callers, the listener and connections: who is a member, which connection counts, what is told to the user. */
import type { TLSSocket } from 'node:tls';
import type { PeerAddress, PeerCounters, RefusalReason, Transport, TransportUser } from '../../ports/transport.js';
import { Caller } from './caller.js';
import { Connection, type ConnectionUser, type Role } from './connection.js';
import { isIssuedByOne, prepareCredentials, type Credentials, type PreparedCredentials } from './credentials.js';
import { PROTOCOL_VERSION, type Hello, type Refusal } from './hello.js';
import type { TlsTransportOptions } from './options.js';
import type { TransportLimits } from './limits.js';
import { Listener } from './listener.js';
import { Peer } from './peer.js';
import { Repeats } from './repeats.js';

export class TlsTransport implements Transport {
  readonly #options: TlsTransportOptions;
  readonly #limits: TransportLimits;
  readonly #user: TransportUser;
  readonly #repeats: Repeats;
  readonly #listener: Listener;
  readonly #peers = new Map<string, Peer>();
  readonly #connections = new Set<Connection>();
  readonly #connectionUser: ConnectionUser;
  #credentials: PreparedCredentials;
  #address: PeerAddress;
  #closing = false;

  constructor(options: TlsTransportOptions, limits: TransportLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#user = options.user;
    this.#address = options.listen;
    this.#repeats = new Repeats(options.clock, limits.repeatMs);
    this.#credentials = prepareCredentials(options.credentials, options.self);
    this.#connectionUser = this.#makeConnectionUser();
    this.#listener = new Listener(this.#credentials, {
      greetingMs: limits.greetingMs,
      strangers: { max: limits.strangersMax, perAddressMax: limits.strangersPerAddressMax },
      services: options.services ?? new Map(),
      onSocket: (socket) => {
        this.#connect(null, socket);
      },
      onRefused: (address, reason, message) => {
        this.#tellRefused('us', null, address, { reason, message });
      },
    });
  }

  /** Where it listens; the port is the real one where 0 was asked for. */
  get address(): PeerAddress {
    return this.#address;
  }

  /** To be called once, by `listenTls`. */
  async listen(address: PeerAddress): Promise<void> {
    this.#address = await this.#listener.listen(address);
  }

  send(to: string, message: Uint8Array): void {
    this.#peers.get(to)?.send(message, this.#limits.messageBytesMax);
  }

  setPeers(addresses: ReadonlyMap<string, PeerAddress>): void {
    if (this.#closing) return;
    for (const [node, peer] of this.#peers) {
      if (addresses.has(node)) continue;
      this.#peers.delete(node);
      peer.caller?.stop();
      const message = `${node} is no longer a member`;
      this.#lose(node, peer, message)?.refuse({ reason: 'unknown-member', message });
    }
    for (const [node, address] of addresses) {
      if (node === this.#options.self.node) continue;
      const peer = this.#peers.get(node) ?? this.#makePeer(node);
      if (peer.caller !== null) peer.caller.moveTo(address);
      else if (this.#calls(node)) peer.caller = this.#makeCaller(node, address);
    }
  }

  /**
   * From now on these are shown and believed, at every new connection. Those that stand go on, unless the peer's
   * certificate is of an authority that is no longer among them.
   * @throws SnapcommitError CERTIFICATE_INVALID; then nothing has changed.
   */
  setCredentials(credentials: Credentials): void {
    this.#credentials = prepareCredentials(credentials, this.#options.self);
    this.#listener.setCredentials(this.#credentials);
    const { authorities } = this.#credentials;
    for (const connection of this.#connections)
      if (connection.trusted !== null && !isIssuedByOne(connection.trusted.certificate, authorities))
        connection.refuse({
          reason: 'certificate',
          message: 'its certificate is of an authority that is no longer trusted',
        });
  }

  counters(): ReadonlyMap<string, PeerCounters> {
    return new Map([...this.#peers].map(([node, peer]) => [node, peer.snapshot()]));
  }

  async close(): Promise<void> {
    this.#closing = true;
    for (const peer of this.#peers.values()) peer.caller?.stop();
    for (const connection of this.#connections) connection.end('closed by us');
    await this.#listener.close();
  }

  /** Between two nodes exactly one of them calls. */
  #calls(node: string): boolean {
    return this.#options.self.node < node;
  }

  #makePeer(node: string): Peer {
    const peer = new Peer({ bytesMax: this.#limits.unhandledBytesMax, framesMax: this.#limits.unhandledFramesMax });
    this.#peers.set(node, peer);
    return peer;
  }

  #makeCaller(node: string, address: PeerAddress): Caller {
    const { clock, timers, random } = this.#options;
    return new Caller(node, address, {
      timers,
      random,
      bounds: { minMs: this.#limits.reconnectMinMs, maxMs: this.#limits.reconnectMaxMs },
      greetingMs: this.#limits.greetingMs,
      credentials: () => this.#credentials,
      monotonic: () => clock.monotonic(),
      onSocket: (peer, socket) => {
        this.#connect(peer, socket);
      },
      onUnreachable: (peer, message) => {
        const repeated = this.#repeats.tell(`${peer} unreachable`);
        if (repeated !== null) this.#user.onEvent({ type: 'unreachable', peer, message, repeated });
      },
    });
  }

  #connect(called: string | null, socket: TLSSocket): void {
    if (this.#closing) {
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, called, this.#connectionUser);
    this.#connections.add(connection);
    if (called === null && connection.trusted !== null) this.#recognise(connection, connection.trusted.node);
  }

  /** A member by its certificate is no stranger any more; of those that still introduce themselves it has one. */
  #recognise(connection: Connection, node: string): void {
    if (!this.#peers.has(node)) return;
    this.#listener.becomeKnown(connection.socket);
    for (const other of this.#connections)
      if (other !== connection && other.role === 'called' && other.trusted?.node === node && !other.wasReady)
        other.cut('replaced by a newer connection');
  }

  #makeConnectionUser(): ConnectionUser {
    const { self, timers, clock } = this.#options;
    return {
      ...self,
      limits: this.#limits,
      timers,
      now: () => clock.now(),
      isOurs: (certificate) => isIssuedByOne(certificate, this.#credentials.authorities),
      hello: (to) => this.#hello(to),
      admit: (hello, role) => this.#admit(hello, role),
      onReady: (connection) => {
        this.#onReady(connection);
      },
      onMessage: (connection, message) => {
        this.#onMessage(connection, message);
      },
      onRefused: (by, connection, refusal) => {
        this.#tellRefused(by, connection.peer, connection.address, refusal);
      },
      onClosed: (connection, message) => {
        this.#onClosed(connection, message);
      },
    };
  }

  #hello(to: string): Hello {
    const { incarnation, store, configuration, notes } = this.#user.introduce();
    return { protocol: PROTOCOL_VERSION, ...this.#options.self, to, incarnation, store, configuration, notes };
  }

  #admit(hello: Hello, role: Role): Refusal | null {
    const { node, incarnation, store, configuration, notes } = hello;
    if (!this.#peers.has(node)) return { reason: 'unknown-member', message: `${node} is not a member here` };
    if (role === 'called' && this.#calls(node))
      return { reason: 'protocol', message: `${this.#options.self.node} calls ${node}, not the other way round` };
    const message = this.#user.judge(node, { incarnation, store, configuration, notes });
    return message === null ? null : { reason: 'judged', message };
  }

  #onReady(connection: Connection): void {
    const { peer: node, introduction } = connection;
    const peer = node === null ? undefined : this.#peers.get(node);
    if (node === null || introduction === null || peer === undefined) {
      connection.refuse({ reason: 'unknown-member', message: `${String(node)} is no longer a member` });
      return;
    }
    const message = 'replaced by a newer connection';
    this.#lose(node, peer, message)?.cut(message);
    peer.connection = connection;
    peer.counters.connections += 1;
    this.#repeats.forget(`${node} `);
    this.#user.onEvent({ type: 'connected', peer: node, introduction });
  }

  #onMessage(connection: Connection, message: Uint8Array): void {
    const node = connection.peer;
    const peer = node === null ? undefined : this.#peers.get(node);
    // A connection that was replaced may still have something in its last chunk.
    if (node === null || peer?.connection !== connection) return;
    peer.received(message.length);
    const handled = this.#user.onMessage(node, message);
    if (handled === undefined) return;
    if (peer.inbox.began(message.length, connection)) peer.counters.pauses += 1;
    void handled.finally(() => {
      peer.inbox.finished(message.length);
    });
  }

  #onClosed(connection: Connection, message: string): void {
    this.#connections.delete(connection);
    const peer = connection.peer === null ? undefined : this.#peers.get(connection.peer);
    if (connection.peer !== null && peer?.connection === connection) this.#lose(connection.peer, peer, message);
  }

  /**
   * The peer's connection no longer counts; answers it, where there was one. Told at once and not when its socket has
   * closed: by then the next one may stand, and whoever heard of this end after that beginning would take the peer for gone.
   */
  #lose(node: string, peer: Peer, message: string): Connection | null {
    const { connection } = peer;
    if (connection === null) return null;
    peer.connection = null;
    this.#user.onEvent({ type: 'disconnected', peer: node, message });
    return connection;
  }

  #tellRefused(
    by: 'us' | 'peer',
    peer: string | null,
    address: string,
    refusal: { reason: RefusalReason; message: string },
  ): void {
    const repeated = this.#repeats.tell(`${peer ?? address} ${by} ${refusal.reason}`);
    if (repeated === null) return;
    this.#user.onEvent({ type: 'refused', by, peer, address, ...refusal, repeated });
  }
}

/** One connection from its TLS handshake on: the greeting, then messages. The same for the caller and the called. */
import type { TLSSocket } from 'node:tls';
import type { Timers } from '../../ports/timers.js';
import type { Introduction } from '../../ports/transport.js';
import type { Frame } from '../../wire/frames.js';
import { Channel } from './channel.js';
import { decodeHello, decodeRefusal, encodeHello, encodeRefusal, KIND, type Hello, type Refusal } from './hello.js';
import type { TransportLimits } from './limits.js';
import { trustedPeer, type Inspector, type TrustedPeer } from './peer-certificate.js';

/** What a connection asks of the transport that it belongs to. */
export interface ConnectionUser extends Inspector {
  readonly limits: TransportLimits;
  readonly timers: Timers;
  hello(to: string): Hello;
  /** Why this peer may not come in; null lets it in. Only asked once the certificate and the hello agree. */
  admit(hello: Hello, role: Role): Refusal | null;
  onReady(connection: Connection): void;
  onMessage(connection: Connection, message: Uint8Array): void;
  onRefused(by: 'us' | 'peer', connection: Connection, refusal: Refusal): void;
  onClosed(connection: Connection, message: string): void;
}

export type Role = 'caller' | 'called';

export class Connection {
  readonly role: Role;
  readonly address: string;
  /** Whom we called; or, once it is proved, who called. */
  peer: string | null;
  trusted: TrustedPeer | null = null;
  introduction: Introduction | null = null;
  readonly socket: TLSSocket;
  readonly #user: ConnectionUser;
  readonly #channel: Channel;
  #state: 'greeting' | 'answered' | 'ready' | 'over' = 'greeting';
  #wasReady = false;
  readonly #cancelGreeting: () => void;

  constructor(socket: TLSSocket, called: string | null, user: ConnectionUser) {
    this.role = called === null ? 'called' : 'caller';
    this.peer = called;
    this.address = socket.remoteAddress ?? 'unknown address';
    this.socket = socket;
    this.#user = user;
    this.#channel = new Channel(socket, user.limits, user.timers, {
      onFrame: (frame) => {
        this.#onFrame(frame);
      },
      onGarbage: (error) => {
        this.refuse({
          reason: error.reason === 'version' ? 'version' : 'protocol',
          message: `it sent ${error.message}`,
        });
      },
      onPeriod: () => {
        this.#checkExpiry();
      },
      onClosed: (message) => {
        this.#cancelGreeting();
        this.#state = 'over';
        user.onClosed(this, message);
      },
    });
    this.#cancelGreeting = user.timers.after(user.limits.greetingMs, () => {
      this.refuse({ reason: 'protocol', message: 'it did not introduce itself in time' });
    });
    this.#begin(socket);
  }

  /** Whether it ever counted as one. */
  get wasReady(): boolean {
    return this.#wasReady;
  }

  get queue(): { readonly frames: number; readonly bytes: number } {
    return this.#channel.queue;
  }

  /** False when its queue is full. */
  send(message: Uint8Array): boolean {
    return this.#channel.offer(KIND.message, message);
  }

  hold(): void {
    this.#channel.hold();
  }

  release(): void {
    this.#channel.release();
  }

  /** Tells the peer and the log why, and ends. */
  refuse(refusal: Refusal): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#channel.offer(KIND.refuse, encodeRefusal(refusal));
    this.#user.onRefused('us', this, refusal);
    this.#channel.end(refusal.message);
  }

  end(message: string): void {
    this.#channel.end(message);
  }

  cut(message: string): void {
    this.#channel.cut(message);
  }

  #begin(socket: TLSSocket): void {
    const trusted = trustedPeer(socket, this.#user);
    if ('reason' in trusted) {
      this.peer ??= trusted.node;
      this.refuse(trusted);
      return;
    }
    this.trusted = trusted;
    if (this.peer === null) {
      this.peer = trusted.node;
      return;
    }
    if (trusted.node !== this.peer) {
      this.refuse({ reason: 'node', message: `its certificate is of node ${trusted.node}, ${this.peer} was called` });
      return;
    }
    this.#channel.offer(KIND.hello, encodeHello(this.#user.hello(this.peer)));
  }

  #onFrame(frame: Frame): void {
    if (this.#state === 'over') return;
    if (frame.kind === KIND.message && this.#state === 'ready') this.#user.onMessage(this, frame.payload);
    else if (frame.kind === KIND.refuse) this.#onRefusal(frame.payload);
    else if (frame.kind === KIND.hello && this.#state === 'greeting') this.#onHello(frame.payload);
    else if (frame.kind === KIND.ready && this.#state === 'answered') this.#becomeReady();
    else this.refuse({ reason: 'protocol', message: `it sent a frame of kind ${String(frame.kind)} out of turn` });
  }

  #onHello(payload: Uint8Array): void {
    const hello = readOrRefuse(() => decodeHello(payload));
    const refusal = 'reason' in hello ? hello : (this.#contradiction(hello) ?? this.#user.admit(hello, this.role));
    if (refusal !== null || 'reason' in hello) {
      this.refuse(refusal ?? { reason: 'protocol', message: 'it sent no hello' });
      return;
    }
    const { incarnation, store, configuration, notes } = hello;
    this.introduction = { incarnation, store, configuration, notes };
    if (this.role === 'called') {
      this.#state = 'answered';
      this.#channel.offer(KIND.hello, encodeHello(this.#user.hello(hello.node)));
    } else {
      this.#channel.offer(KIND.ready);
      this.#becomeReady();
    }
  }

  /** Where what it says is not what its certificate, or our call, says. */
  #contradiction(hello: Hello): Refusal | null {
    const { cluster, node } = this.#user;
    if (hello.cluster !== cluster)
      return { reason: 'cluster', message: `it belongs to cluster ${hello.cluster}, this is ${cluster}` };
    if (hello.node !== this.trusted?.node)
      return { reason: 'node', message: `it calls itself ${hello.node}; its certificate is of ${String(this.peer)}` };
    if (hello.to !== node)
      return { reason: 'node', message: `it called ${hello.to}, this is ${node}; look at the members' addresses` };
    return null;
  }

  #becomeReady(): void {
    this.#state = 'ready';
    this.#wasReady = true;
    this.#cancelGreeting();
    this.#channel.takeMessages();
    this.#user.onReady(this);
  }

  #onRefusal(payload: Uint8Array): void {
    const refusal = readOrRefuse(() => decodeRefusal(payload));
    this.#state = 'over';
    this.#user.onRefused('peer', this, refusal);
    this.#channel.end(`refused by the peer: ${refusal.message}`);
  }

  #checkExpiry(): void {
    if (this.trusted !== null && this.#user.now() > this.trusted.validUntil)
      this.refuse({ reason: 'certificate', message: 'its certificate has expired; renew it' });
  }
}

function readOrRefuse<T>(read: () => T): T | Refusal {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return { reason: 'protocol', message: `it sent a greeting that cannot be read: ${error.message}` };
  }
}

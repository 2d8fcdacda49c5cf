/** Calls one peer, again and again, as long as it is wanted and not connected. */
import { connect, type TLSSocket } from 'node:tls';
import type { Timers } from '../../ports/timers.js';
import type { PeerAddress } from '../../ports/transport.js';
import { Backoff, type BackoffBounds } from './backoff.js';
import type { PreparedCredentials } from './credentials.js';
import { PEER_PROTOCOL } from './hello.js';
import type { Random } from '../../ports/random.js';

export interface CallerUser {
  readonly timers: Timers;
  readonly random: Random;
  readonly bounds: BackoffBounds;
  readonly greetingMs: number;
  credentials(): PreparedCredentials;
  monotonic(): number;
  /** TLS stands; who it is has not been looked at. */
  onSocket(peer: string, socket: TLSSocket): void;
  onUnreachable(peer: string, message: string): void;
}

export class Caller {
  readonly #peer: string;
  readonly #user: CallerUser;
  readonly #backoff: Backoff;
  #address: PeerAddress;
  /** Called, and TLS does not stand yet: nobody else knows this socket. */
  #pending: TLSSocket | null = null;
  #connectedAt = 0;
  #cancelTimer: () => void = () => undefined;
  #stopped = false;

  constructor(peer: string, address: PeerAddress, user: CallerUser) {
    this.#peer = peer;
    this.#address = address;
    this.#user = user;
    this.#backoff = new Backoff(user.bounds, user.random);
    this.#call();
  }

  /** Takes effect at the next call: a connection that stands has proved whom it leads to. */
  moveTo(address: PeerAddress): void {
    this.#address = address;
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer();
    this.#pending?.destroy();
  }

  #call(): void {
    const socket = this.#open();
    if (socket === null) return;
    this.#pending = socket;
    const place = placeOf(this.#address);
    let failure = 'the connection was closed during the handshake';
    let secured = false;
    this.#cancelTimer = this.#user.timers.after(this.#user.greetingMs, () => {
      failure = `no answer within ${String(this.#user.greetingMs)} ms`;
      socket.destroy();
    });
    socket.once('secureConnect', () => {
      secured = true;
      this.#pending = null;
      this.#cancelTimer();
      this.#connectedAt = this.#user.monotonic();
      this.#user.onSocket(this.#peer, socket);
    });
    socket.on('error', (error: Error) => {
      failure = error.message;
    });
    socket.once('close', () => {
      this.#cancelTimer();
      this.#pending = null;
      if (this.#stopped) return;
      if (!secured) this.#user.onUnreachable(this.#peer, `${place}: ${failure}`);
      this.#callAgain(secured);
    });
  }

  #open(): TLSSocket | null {
    try {
      return connect({
        host: this.#address.host,
        port: this.#address.port,
        secureContext: this.#user.credentials().context,
        minVersion: 'TLSv1.3',
        ALPNProtocols: [PEER_PROTOCOL],
        // Looked at in peer-certificate.ts, before anything is said, so that the other side hears the reason too.
        rejectUnauthorized: false,
        // The certificate names a node and not its address: that, too, is looked at there.
        checkServerIdentity: () => undefined,
      });
    } catch (error) {
      // An address that no socket takes, such as port 70000: the members' list can be mended while we run.
      this.#user.onUnreachable(this.#peer, `${placeOf(this.#address)}: ${String(error)}`);
      this.#callAgain(false);
      return null;
    }
  }

  /** Only a connection that lasted takes the waiting back to its beginning: one that is refused each time does not. */
  #callAgain(secured: boolean): void {
    if (secured && this.#user.monotonic() - this.#connectedAt > this.#user.bounds.maxMs) this.#backoff.reset();
    this.#cancelTimer = this.#user.timers.after(this.#backoff.next(), () => {
      this.#call();
    });
  }
}

function placeOf({ host, port }: PeerAddress): string {
  return `${host}:${String(port)}`;
}

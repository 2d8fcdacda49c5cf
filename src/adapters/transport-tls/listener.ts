/** Accepts connections: bounds the strangers among them, and hands each to whoever speaks the protocol that it asks for. */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { SnapcommitError } from '../../errors.js';
import type { PeerAddress, RefusalReason } from '../../ports/transport.js';
import type { PreparedCredentials } from './credentials.js';
import { PEER_PROTOCOL } from './hello.js';
import { Strangers, type StrangersBounds } from './strangers.js';

/** Another service on the same port, by its ALPN name: it gets each of its connections, and owns them from then on. */
export type Services = ReadonlyMap<string, (socket: TLSSocket) => void>;

export interface ListenerUser {
  readonly greetingMs: number;
  readonly strangers: StrangersBounds;
  readonly services: Services;
  onSocket(socket: TLSSocket): void;
  onRefused(address: string, reason: RefusalReason, message: string): void;
}

export class Listener {
  readonly #server: Server;
  readonly #user: ListenerUser;
  readonly #strangers: Strangers;

  constructor(credentials: PreparedCredentials, user: ListenerUser) {
    this.#user = user;
    this.#strangers = new Strangers(user.strangers);
    this.#server = createServer({
      cert: credentials.certificate,
      key: credentials.key,
      ca: credentials.authorityTexts,
      minVersion: 'TLSv1.3',
      ALPNProtocols: [PEER_PROTOCOL, ...user.services.keys()],
      handshakeTimeout: user.greetingMs,
      requestCert: true,
      // Looked at in peer-certificate.ts, before anything is read, so that the other side hears the reason too.
      rejectUnauthorized: false,
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#admit(socket);
    });
    this.#server.on('secureConnection', (socket) => {
      this.#onSecure(socket);
    });
    this.#server.on('tlsClientError', (error, socket) => {
      const address = socket.remoteAddress ?? 'unknown address';
      user.onRefused(address, 'protocol', `its TLS handshake failed: ${error.message}`);
      // Node leaves that to us, also where the handshake only took too long.
      socket.destroy();
    });
  }

  /** @throws SnapcommitError UNAVAILABLE when the address cannot be listened on. */
  async listen(address: PeerAddress): Promise<PeerAddress> {
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error): void => {
        const place = `${address.host}:${String(address.port)}`;
        reject(new SnapcommitError('UNAVAILABLE', `cannot listen on ${place}: ${error.message}`, {}, error));
      };
      this.#server.once('error', onError);
      this.#server.listen(address.port, address.host, () => {
        this.#server.off('error', onError);
        // One connection that cannot be taken, as when no file descriptor is left, ends no daemon.
        this.#server.on('error', (error: Error) => {
          this.#user.onRefused('unknown address', 'busy', `it could not be taken: ${error.message}`);
        });
        resolve();
      });
    });
    const bound = this.#server.address();
    return bound !== null && typeof bound === 'object' ? { host: bound.address, port: bound.port } : address;
  }

  setCredentials({ certificate, key, authorityTexts }: PreparedCredentials): void {
    this.#server.setSecureContext({ cert: certificate, key, ca: authorityTexts, minVersion: 'TLSv1.3' });
  }

  /** It is a member's: it no longer counts among the strangers. */
  becomeKnown(socket: Socket): void {
    this.#strangers.forget(socket);
  }

  /** Accepts nothing more and cuts strangers off; resolves when no connection is left. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      this.#strangers.destroyAll();
    });
  }

  #admit(socket: Socket): void {
    const gone = this.#strangers.admit(socket);
    if (gone === null) return;
    const message = 'too many connections have not introduced themselves yet, and this one waited longest';
    this.#user.onRefused(gone.remoteAddress ?? 'unknown address', 'busy', message);
    gone.destroy();
  }

  #onSecure(socket: TLSSocket): void {
    const service = this.#user.services.get(String(socket.alpnProtocol));
    if (service !== undefined) service(socket);
    else if (socket.alpnProtocol === PEER_PROTOCOL) this.#user.onSocket(socket);
    else {
      this.#user.onRefused(socket.remoteAddress ?? 'unknown address', 'version', 'it does not ask for our protocol');
      socket.destroy();
    }
  }
}

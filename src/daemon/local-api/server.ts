/**
 * The daemon's end of the local API: one unix socket, mode 0600 in a directory of mode 0700. Requests of one connection
 * are worked on side by side; whoever sends more than it may have open is read no further until some are answered.
 *
 * The caller holds the daemon's kernel lock (daemon-lock.ts), so a socket that stands there belongs to nobody.
 */
import { rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { FrameDecoder } from '../../wire/frames.js';
import { answerTo } from './answers.js';
import {
  ANSWER_BYTES_MAX,
  decodeRequest,
  encodeMessage,
  framed,
  PROTOCOL_VERSION,
  REQUEST_BYTES_MAX,
  type Numbered,
} from './protocol.js';
import { isStopping } from '../participants/refusals.js';
import { wireErrorOf } from '../wire-error.js';
import type { LocalService } from './service.js';
import { socketAddress, socketFile } from './socket-path.js';

const CONNECTIONS_MAX = 256;
/** Requests of one connection that are being worked on. */
const OPEN_REQUESTS_MAX = 64;
/** Unread answers of one connection, beyond which it is read no further. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;
/** When the daemon stops: how long what is being worked on may take, and then the client to read its answers. */
const LAST_WORK_MS = 5000;
const LAST_ANSWER_MS = 1000;

export interface LocalServer {
  /** Refuses what comes, lets what is being worked on end, and removes the socket. Nothing makes it wait for long. */
  close(): Promise<void>;
}

export interface LocalServerOptions {
  readonly stateDirectory: string;
  readonly service: LocalService;
  /** Hears of a connection that was cut off, and why. */
  readonly onRefused: (reason: string) => void;
}

export async function serveLocally(options: LocalServerOptions): Promise<LocalServer> {
  const { stateDirectory, service, onRefused } = options;
  const connections = new Set<Connection>();
  const server = createServer((socket) => {
    if (connections.size >= CONNECTIONS_MAX) {
      onRefused(`${String(CONNECTIONS_MAX)} connections are open`);
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, service, onRefused);
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  await listen(server, stateDirectory);
  server.on('error', (error) => {
    onRefused(`a connection could not be taken: ${error.message}`);
  });
  return {
    async close() {
      rmSync(socketFile(stateDirectory), { force: true });
      const closed = new Promise<void>((resolve) => {
        server.close(() => {
          resolve();
        });
      });
      await Promise.all([...connections].map(async (connection) => connection.end()));
      await closed;
    },
  };
}

async function listen(server: Server, stateDirectory: string): Promise<void> {
  rmSync(socketFile(stateDirectory), { force: true });
  const address = socketAddress(stateDirectory);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      // `listen` binds before it returns, and the name appears with the umask's mode: nobody else may connect, not even
      // for the moment before a chmod.
      const umask = process.umask(0o177);
      server.listen(address.path, () => {
        server.off('error', reject);
        resolve();
      });
      process.umask(umask);
    });
  } catch (error) {
    const file = socketFile(stateDirectory);
    const reason = error instanceof Error ? error.message : String(error);
    throw new SnapcommitError('UNAVAILABLE', `the daemon cannot listen on ${file}: ${reason}`, { file }, error);
  } finally {
    address.release();
  }
}

class Connection {
  readonly #socket: Socket;
  readonly #service: LocalService;
  readonly #onRefused: (reason: string) => void;
  readonly #reader = new FrameDecoder(REQUEST_BYTES_MAX);
  readonly #working = new Set<Promise<void>>();
  #isEnding = false;

  constructor(socket: Socket, service: LocalService, onRefused: (reason: string) => void) {
    this.#socket = socket;
    this.#service = service;
    this.#onRefused = onRefused;
    // A client that has gone wants no answer; what it asked for still ends.
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => {
      this.#throttle();
    });
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    const { identity } = service.log;
    this.#send(encodeMessage({ type: 'welcome', version: PROTOCOL_VERSION, identity, pid: process.pid }));
  }

  /** Resolves when everything that was asked for is answered; a client that is stopped, or reads nothing, is cut off. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await atMost(LAST_WORK_MS, Promise.all(this.#working));
    const read = new Promise<void>((resolve) => {
      this.#socket.end(resolve);
    });
    await atMost(LAST_ANSWER_MS, read);
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    try {
      for (const { payload } of this.#reader.push(chunk)) this.#start(decodeRequest(payload));
    } catch (error) {
      // Nothing that follows on this connection can be told apart from rubbish.
      this.#onRefused(error instanceof Error ? error.message : String(error));
      this.#socket.destroy();
    }
  }

  #start(numbered: Numbered): void {
    const work = this.#work(numbered).finally(() => {
      this.#working.delete(work);
      this.#throttle();
    });
    this.#working.add(work);
    this.#throttle();
  }

  async #work({ id, request }: Numbered): Promise<void> {
    try {
      if (this.#isEnding) throw isStopping();
      const message = encodeMessage({ id, ok: true, value: await answerTo(this.#service, request) });
      if (message.length > ANSWER_BYTES_MAX)
        throw new SnapcommitError('UNSUPPORTED', `the answer has ${String(message.length)} bytes, which is too much`);
      this.#send(message);
    } catch (error) {
      this.#send(encodeMessage({ id, ok: false, error: wireErrorOf(error) }));
    }
  }

  #send(message: Uint8Array): void {
    if (!this.#socket.destroyed) this.#socket.write(framed(message));
  }

  #throttle(): void {
    const isFull = this.#working.size >= OPEN_REQUESTS_MAX || this.#socket.writableLength > UNREAD_BYTES_MAX;
    if (isFull) this.#socket.pause();
    else this.#socket.resume();
  }
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
}

/** The command line's end of the local API: one connection, many requests. It connects once; who wants another makes one. */
import { connect, type Socket } from 'node:net';
import { SnapcommitError } from '../../errors.js';
import { FrameDecoder } from '../../wire/frames.js';
import {
  ANSWER_BYTES_MAX,
  decodeAnswer,
  decodeWelcome,
  encodeMessage,
  framed,
  PROTOCOL_VERSION,
  type Answer,
  type Request,
  type Welcome,
} from './protocol.js';
import { errorOf } from '../wire-error.js';
import { socketAddress, socketFile } from './socket-path.js';

/** The daemon went away with a request open. */
export class ConnectionLost extends Error {
  /** False: the request did not get out as a whole, so it was surely not done. */
  readonly maybeDone: boolean;

  constructor(message: string, maybeDone: boolean) {
    super(message);
    this.maybeDone = maybeDone;
  }
}

interface Open {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class DaemonConnection {
  readonly welcome: Welcome;
  readonly #socket: Socket;
  readonly #open = new Map<number, Open>();
  #next = 1;
  #lost: ConnectionLost | null = null;

  /** Only `connectTo` makes one. */
  constructor(socket: Socket, welcome: Welcome) {
    this.#socket = socket;
    this.welcome = welcome;
  }

  get isLost(): boolean {
    return this.#lost !== null;
  }

  /** Rejects with the daemon's own SnapcommitError, or with ConnectionLost. */
  async ask(request: Request): Promise<unknown> {
    if (this.#lost !== null) throw new ConnectionLost(this.#lost.message, false);
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#socket.write(framed(encodeMessage({ id, request })), (error) => {
        // The kernel refused bytes of it. Any other failure may come after the last of them was taken.
        if (error !== null && error !== undefined && 'code' in error && error.code === 'EPIPE')
          this.#fail(id, new ConnectionLost('the daemon is gone', false));
      });
    });
  }

  #fail(id: number, error: Error): void {
    this.#open.get(id)?.reject(error);
    this.#open.delete(id);
  }

  close(): void {
    this.lose('it was closed');
  }

  /** An answer that nobody waits for any more is dropped. */
  take(answer: Answer): void {
    const waiting = this.#open.get(answer.id);
    this.#open.delete(answer.id);
    if (answer.ok) waiting?.resolve(answer.value);
    else waiting?.reject(errorOf(answer.error));
  }

  lose(why: string): void {
    this.#socket.destroy();
    this.#lost ??= new ConnectionLost(`the connection to the daemon ended: ${why}`, true);
    for (const { reject } of this.#open.values()) reject(this.#lost);
    this.#open.clear();
  }
}

/**
 * Connects and hears the daemon's welcome. @throws UNAVAILABLE when nobody listens or another version does; DENIED when
 * the socket is not this user's to open.
 */
export async function connectTo(stateDirectory: string, timeoutMs: number): Promise<DaemonConnection> {
  const address = socketAddress(stateDirectory);
  const socket = connect(address.path);
  try {
    return await welcomed(socket, stateDirectory, timeoutMs);
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    address.release();
  }
}

function welcomed(socket: Socket, stateDirectory: string, timeoutMs: number): Promise<DaemonConnection> {
  const reader = new FrameDecoder(ANSWER_BYTES_MAX);
  let connection: DaemonConnection | null = null;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(unavailable(stateDirectory, `it did not answer within ${String(timeoutMs)} ms`));
    }, timeoutMs);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      if (connection === null) reject(asUnavailable(error, stateDirectory));
      else connection.lose(error.message);
    };
    socket.on('error', fail);
    socket.on('close', () => {
      fail(new ConnectionLost('the daemon closed it', true));
    });
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const { payload } of reader.push(chunk)) {
          if (connection !== null) connection.take(decodeAnswer(payload));
          else resolve((connection = new DaemonConnection(socket, understood(decodeWelcome(payload)))));
        }
        if (connection !== null) clearTimeout(timer);
      } catch (error) {
        socket.destroy();
        fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function understood(welcome: Welcome): Welcome {
  if (welcome.version === PROTOCOL_VERSION) return welcome;
  throw new SnapcommitError(
    'UNAVAILABLE',
    `the daemon (pid ${String(welcome.pid)}) is of another version of snapcommit than this command. Restart it`,
    { pid: welcome.pid, daemonProtocol: welcome.version, ownProtocol: PROTOCOL_VERSION },
  );
}

function asUnavailable(error: Error, stateDirectory: string): SnapcommitError {
  if (error instanceof SnapcommitError) return error;
  const errno = 'code' in error ? String(error.code) : '';
  if (errno === 'EACCES' || errno === 'EPERM') {
    const file = socketFile(stateDirectory);
    return new SnapcommitError('DENIED', `this user may not open ${file}. Run as its owner`, { file }, error);
  }
  const isAbsent = errno === 'ENOENT' || errno === 'ECONNREFUSED';
  return unavailable(stateDirectory, isAbsent ? 'it does not run' : error.message, error);
}

function unavailable(stateDirectory: string, why: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'UNAVAILABLE',
    `the log in ${stateDirectory} is a member of a cluster, so only its daemon may use it, and ${why}. ` +
      'Start it with: snapcommit daemon (or look at its log)',
    { stateDirectory },
    cause,
  );
}

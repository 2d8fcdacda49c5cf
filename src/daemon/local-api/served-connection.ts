/** One client of the daemon: its requests are begun one by one, as many at once as one client may have open. */
import type { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { FrameDecoder, type Frame } from '../../wire/frames.js';
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

/** Requests that are being worked on; what else came is not even read. */
export const OPEN_REQUESTS_MAX = 64;
/** Unread answers, beyond which nothing more is begun. */
const UNREAD_BYTES_MAX = 4 * 1024 * 1024;
/** When the daemon stops: how long what is being worked on may take, and then the client to read its answers. */
const LAST_WORK_MS = 5000;
const LAST_ANSWER_MS = 1000;

export class ServedConnection {
  readonly #socket: Socket;
  readonly #service: LocalService;
  readonly #onRefused: (reason: string) => void;
  readonly #reader = new FrameDecoder(REQUEST_BYTES_MAX);
  readonly #working = new Set<Promise<void>>();
  /** What came and was not looked at yet: one chunk, but for what the socket had in hand when it was told to pause. */
  readonly #chunks: Buffer[] = [];
  /** The frames of the chunk that was begun. */
  #frames: Iterator<Frame, void> | null = null;
  #isEnding = false;

  constructor(socket: Socket, service: LocalService, onRefused: (reason: string) => void) {
    this.#socket = socket;
    this.#service = service;
    this.#onRefused = onRefused;
    // A client that has gone wants no answer; what it asked for still ends.
    socket.on('error', () => socket.destroy());
    socket.on('drain', () => {
      this.#goOn();
    });
    socket.on('data', (chunk: Buffer) => {
      this.#chunks.push(chunk);
      this.#goOn();
    });
    const { identity } = service.log;
    this.#send(encodeMessage({ type: 'welcome', version: PROTOCOL_VERSION, identity, pid: process.pid }));
  }

  /** Resolves when everything that was asked for is answered; a client that is stopped, or reads nothing, is cut off. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await atMost(LAST_WORK_MS, this.#workEnds());
    const read = new Promise<void>((resolve) => {
      this.#socket.end(resolve);
    });
    await atMost(LAST_ANSWER_MS, read);
    this.#socket.destroy();
  }

  async #workEnds(): Promise<void> {
    while (this.#working.size > 0) await Promise.all(this.#working);
  }

  /** Begins requests while there may be more, and reads on when all that came is begun. */
  #goOn(): void {
    if (this.#socket.destroyed) return;
    try {
      while (!this.#isFull()) {
        const request = this.#next();
        if (request === null) return void this.#socket.resume();
        this.#start(request);
      }
      this.#socket.pause();
    } catch (error) {
      // Nothing that follows on this connection can be told apart from rubbish.
      this.#onRefused(error instanceof Error ? error.message : String(error));
      this.#socket.destroy();
    }
  }

  /** null: of what came, nothing is left. @throws FrameError, TypeError */
  #next(): Numbered | null {
    for (;;) {
      const frame = this.#frames?.next();
      if (frame !== undefined && frame.done !== true) return decodeRequest(frame.value.payload);
      const chunk = this.#chunks.shift();
      this.#frames = chunk === undefined ? null : this.#reader.push(chunk);
      if (chunk === undefined) return null;
    }
  }

  #isFull(): boolean {
    return this.#working.size >= OPEN_REQUESTS_MAX || this.#socket.writableLength > UNREAD_BYTES_MAX;
  }

  #start(numbered: Numbered): void {
    const work = this.#work(numbered).finally(() => {
      this.#working.delete(work);
      this.#goOn();
    });
    this.#working.add(work);
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
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
}

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

/** Requests that are being worked on, and their bytes: beyond either, what else came is not even read. */
export const OPEN_REQUESTS_MAX = 1024;
const OPEN_BYTES_MAX = 16 * 1024 * 1024;
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
  /** Answers of this turn. */
  readonly #answers: Uint8Array[] = [];
  /** Of the requests that are being worked on. */
  #openBytes = 0;
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
    this.#flush();
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
        this.#start(request.numbered, request.bytes);
      }
      this.#socket.pause();
    } catch (error) {
      // Nothing that follows on this connection can be told apart from rubbish.
      this.#onRefused(error instanceof Error ? error.message : String(error));
      this.#socket.destroy();
    }
  }

  /** null: of what came, nothing is left. @throws FrameError, TypeError */
  #next(): { readonly numbered: Numbered; readonly bytes: number } | null {
    for (;;) {
      const frame = this.#frames?.next();
      if (frame !== undefined && frame.done !== true) {
        const { payload } = frame.value;
        return { numbered: decodeRequest(payload), bytes: payload.length };
      }
      const chunk = this.#chunks.shift();
      this.#frames = chunk === undefined ? null : this.#reader.push(chunk);
      if (chunk === undefined) return null;
    }
  }

  #isFull(): boolean {
    return (
      this.#working.size >= OPEN_REQUESTS_MAX ||
      this.#openBytes >= OPEN_BYTES_MAX ||
      this.#socket.writableLength > UNREAD_BYTES_MAX
    );
  }

  #start(numbered: Numbered, bytes: number): void {
    this.#openBytes += bytes;
    const work = this.#work(numbered).finally(() => {
      this.#openBytes -= bytes;
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
    this.#answers.push(framed(message));
    if (this.#answers.length > 1) return;
    // Answers to what came together go out as one write, as soon as they are made: what else this turn of the event loop
    // brings (the vote of another member) can wait. A batch of appends ends in one go.
    queueMicrotask(() => {
      this.#flush();
    });
  }

  #flush(): void {
    const answers = this.#answers.splice(0);
    if (!this.#socket.destroyed && answers.length > 0) this.#socket.write(Buffer.concat(answers));
  }
}

async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  const waiting = new AbortController();
  await Promise.race([work, delay(ms, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  waiting.abort();
}

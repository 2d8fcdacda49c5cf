/**
 * Frames over one TLS socket: batches what is sent in one go, bounds what waits, notices silence, and
 * ends in order. Knows nothing of who is at the other end.
 */
import type { TLSSocket } from 'node:tls';
import type { Timers } from '../../ports/timers.js';
import { encodeFrame, FrameDecoder, FrameError, type Frame } from '../../wire/frames.js';
import { GREETING_BYTES_MAX, KIND } from './hello.js';
import type { TransportLimits } from './limits.js';
import { SendQueue } from './send-queue.js';

export interface ChannelUser {
  onFrame(frame: Frame): void;
  /** The peer sent what is no frame; the channel is still open for a last word. */
  onGarbage(error: FrameError): void;
  /** Each keepalive period. */
  onPeriod(): void;
  /** Once. Nothing comes after it. */
  onClosed(message: string): void;
}

const NO_PAYLOAD = new Uint8Array(0);

export class Channel {
  readonly queue: SendQueue;
  readonly #socket: TLSSocket;
  readonly #limits: TransportLimits;
  readonly #timers: Timers;
  readonly #user: ChannelUser;
  readonly #decoder = new FrameDecoder(GREETING_BYTES_MAX);
  #flushing = false;
  #blocked = false;
  #held = false;
  /** Ending: what comes in is thrown away, so that our last words are not lost to a reset. */
  #ending: string | null = null;
  #closed = false;
  #silentPeriods = 0;
  #wroteInPeriod = false;
  #cancelPeriod: () => void = () => undefined;
  #cancelLinger: () => void = () => undefined;

  constructor(socket: TLSSocket, limits: TransportLimits, timers: Timers, user: ChannelUser) {
    this.queue = new SendQueue({ bytesMax: limits.queuedBytesMax, framesMax: limits.queuedFramesMax });
    this.#socket = socket;
    this.#limits = limits;
    this.#timers = timers;
    this.#user = user;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    socket.on('drain', () => {
      this.#blocked = false;
      this.#flush();
    });
    socket.on('error', (error: Error) => {
      this.#ending ??= error.message;
    });
    socket.on('close', () => {
      this.#finish();
    });
    this.#awaitPeriod();
  }

  /** From now on messages are taken, not only greetings. */
  takeMessages(): void {
    this.#decoder.maxPayloadBytes = this.#limits.messageBytesMax;
  }

  /** Queues a frame; false, and nothing queued, when the queue is full or the channel ends. */
  offer(kind: number, payload: Uint8Array = NO_PAYLOAD): boolean {
    if (this.#ending !== null || this.#closed) return false;
    if (!this.queue.offer(encodeFrame(kind, payload))) return false;
    if (!this.#flushing && !this.#blocked) {
      this.#flushing = true;
      // What is sent in one go leaves as one write, and before this thread turns to anything else (a leader's own disk).
      queueMicrotask(() => {
        this.#flushing = false;
        this.#flush();
      });
    }
    return true;
  }

  /** Stops reading; what the peer sends waits in the kernels, then on its side. */
  hold(): void {
    this.#held = true;
    this.#socket.pause();
  }

  release(): void {
    this.#held = false;
    this.#silentPeriods = 0;
    if (this.#ending === null) this.#socket.resume();
  }

  /** Sends what is queued and ends; whoever does not take it in time is cut off. `message` is what onClosed will say. */
  end(message: string): void {
    if (this.#ending !== null || this.#closed) return;
    this.#ending = message;
    this.#held = false;
    const rest = this.queue.take(Infinity);
    if (rest !== null) this.#socket.write(rest);
    this.#socket.resume();
    this.#socket.end();
    this.#cancelLinger = this.#timers.after(this.#limits.lingerMs, () => this.#socket.destroy());
  }

  /** Ends at once. */
  cut(message: string): void {
    this.#ending ??= message;
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#silentPeriods = 0;
    if (this.#ending !== null) return;
    try {
      for (const frame of this.#decoder.push(chunk)) {
        if (frame.kind !== KIND.alive) this.#user.onFrame(frame);
        if (this.#isEnding()) return;
      }
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.#user.onGarbage(error);
    }
  }

  #isEnding(): boolean {
    return this.#ending !== null;
  }

  #flush(): void {
    while (!this.#blocked && this.#ending === null && !this.#closed) {
      const batch = this.queue.take(this.#limits.batchBytesMax);
      if (batch === null) return;
      this.#wroteInPeriod = true;
      this.#blocked = !this.#socket.write(batch);
    }
  }

  #awaitPeriod(): void {
    this.#cancelPeriod = this.#timers.after(this.#limits.keepaliveMs, () => {
      this.#onPeriod();
    });
  }

  /** Periods are counted instead of time, so that a process that slept does not blame its peers for it. */
  #onPeriod(): void {
    if (this.#closed) return;
    this.#awaitPeriod();
    // While we do not read we cannot hear; a peer that does not read is not fed with more.
    if (!this.#held) this.#silentPeriods += 1;
    if (this.#silentPeriods > this.#limits.silentPeriodsMax) {
      this.cut(`silent for ${String(this.#limits.silentPeriodsMax * this.#limits.keepaliveMs)} ms`);
      return;
    }
    if (!this.#wroteInPeriod && !this.#blocked) this.offer(KIND.alive);
    this.#wroteInPeriod = false;
    this.#user.onPeriod();
  }

  #finish(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelPeriod();
    this.#cancelLinger();
    this.#user.onClosed(this.#ending ?? 'closed by the peer');
  }
}

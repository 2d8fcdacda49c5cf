/**
 * Frames: how messages are told apart on a stream of bytes. Both the network and the daemon's own socket use them.
 *
 *     4 bytes  length of what follows, big-endian
 *     1 byte   version of this format
 *     1 byte   kind; what a kind means is its user's business
 *     …        payload
 *
 * Pure: bytes in, frames out. Whatever comes in, the decoder throws nothing but a FrameError and keeps no more than
 * one frame of the permitted size.
 */

export const FRAME_VERSION = 1;
export const FRAME_HEADER_BYTES = 6;
const LENGTH_BYTES = 4;
const ENVELOPE_BYTES = FRAME_HEADER_BYTES - LENGTH_BYTES;

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What came is not of this format: the stream cannot be read further, and its sender is at fault. */
export class FrameError extends Error {
  readonly reason: 'oversized' | 'truncated' | 'version';

  constructor(reason: FrameError['reason'], message: string) {
    super(message);
    this.name = 'FrameError';
    this.reason = reason;
  }
}

export function frameHeader(kind: number, payloadBytes: number): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(payloadBytes + ENVELOPE_BYTES, 0);
  header[LENGTH_BYTES] = FRAME_VERSION;
  header[LENGTH_BYTES + 1] = kind;
  return header;
}

export function encodeFrame(kind: number, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(kind, payload.length), payload]);
}

const NOTHING = Buffer.alloc(0);

export class FrameDecoder {
  /** The largest payload that is taken. May be raised once the sender is known. */
  maxPayloadBytes: number;
  #header: Buffer = NOTHING;
  /** The frame being gathered: allocated once its length was judged, so never larger than the limit. */
  #body: Buffer | null = null;
  #filled = 0;
  #kind = 0;
  #failed: FrameError | null = null;

  constructor(maxPayloadBytes: number) {
    this.maxPayloadBytes = maxPayloadBytes;
  }

  /** How much of a started frame is kept. */
  get bufferedBytes(): number {
    return this.#header.length + this.#filled;
  }

  /**
   * The frames that `chunk` completes, lazily: a consumer that stops in between leaves the rest unread. A payload may
   * share memory with the chunk.
   * @throws FrameError when the bytes are not frames, and again at each later call.
   */
  *push(chunk: Uint8Array): Generator<Frame, void, undefined> {
    if (this.#failed !== null) throw this.#failed;
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    while (rest.length > 0) {
      if (this.#body === null) {
        const complete = this.#takeHeader(rest);
        if (complete === null) return;
        rest = complete.rest;
        const { size } = complete;
        if (rest.length >= size) {
          const frame = { kind: this.#kind, payload: rest.subarray(0, size) };
          rest = rest.subarray(size);
          yield frame;
          continue;
        }
        this.#body = Buffer.allocUnsafeSlow(size);
        this.#filled = 0;
      }
      const body = this.#body;
      const taken = rest.copy(body, this.#filled, 0, Math.min(rest.length, body.length - this.#filled));
      this.#filled += taken;
      rest = rest.subarray(taken);
      if (this.#filled < body.length) return;
      this.#body = null;
      this.#filled = 0;
      yield { kind: this.#kind, payload: body };
    }
  }

  /** To be called where the stream ends. @throws FrameError when it ends inside a frame. */
  end(): void {
    if (this.#body !== null || this.#header.length > 0)
      throw this.#fail('truncated', `the stream ended inside a frame, after ${String(this.bufferedBytes)} bytes of it`);
  }

  /** Reads a header that may come in pieces; null while it is not complete. */
  #takeHeader(chunk: Buffer): { readonly size: number; readonly rest: Buffer } | null {
    let header = chunk;
    let used = FRAME_HEADER_BYTES;
    if (this.#header.length > 0 || chunk.length < FRAME_HEADER_BYTES) {
      used = Math.min(chunk.length, FRAME_HEADER_BYTES - this.#header.length);
      header = Buffer.concat([this.#header, chunk.subarray(0, used)]);
      this.#header = header;
      if (header.length < FRAME_HEADER_BYTES) return null;
      this.#header = NOTHING;
    }
    const size = header.readUInt32BE(0) - ENVELOPE_BYTES;
    const version = header[LENGTH_BYTES] ?? 0;
    // The length first: bytes of another protocol altogether mostly show as an absurd one.
    if (size > this.maxPayloadBytes)
      throw this.#fail(
        'oversized',
        `a frame of ${String(size)} bytes, but at most ${String(this.maxPayloadBytes)} are taken`,
      );
    if (size < 0) throw this.#fail('truncated', 'a frame shorter than its own header');
    if (version !== FRAME_VERSION)
      throw this.#fail(
        'version',
        `a frame of format ${String(version)}, but only ${String(FRAME_VERSION)} is known here`,
      );
    this.#kind = header[LENGTH_BYTES + 1] ?? 0;
    return { size, rest: chunk.subarray(used) };
  }

  #fail(reason: FrameError['reason'], message: string): FrameError {
    this.#failed = new FrameError(reason, message);
    this.#body = null;
    this.#header = NOTHING;
    this.#filled = 0;
    return this.#failed;
  }
}

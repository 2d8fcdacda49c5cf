/**
 * Messages on a stream of bytes: four bytes of length (big-endian), then as many bytes. Whoever announces more than the
 * reader takes is cut off before a byte of it is kept.
 */

const HEADER_BYTES = 4;

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + message.length);
  framed.writeUInt32BE(message.length, 0);
  framed.set(message, HEADER_BYTES);
  return framed;
}

/** Puts messages together from whatever pieces they arrive in. */
export class FrameReader {
  readonly #limitBytes: number;
  #pieces: Buffer[] = [];
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** The messages that `chunk` completes. @throws RangeError when one is announced that is too large. */
  push(chunk: Buffer): readonly Buffer[] {
    this.#pieces.push(chunk);
    this.#heldBytes += chunk.length;
    const messages: Buffer[] = [];
    for (let next = this.#next(); next !== null; next = this.#next()) messages.push(next);
    return messages;
  }

  #next(): Buffer | null {
    const length = this.#announced();
    if (length === null || this.#heldBytes < HEADER_BYTES + length) return null;
    const held = this.#joined();
    const end = HEADER_BYTES + length;
    this.#pieces = held.length === end ? [] : [held.subarray(end)];
    this.#heldBytes = held.length - end;
    return held.subarray(HEADER_BYTES, end);
  }

  #announced(): number | null {
    if (this.#heldBytes < HEADER_BYTES) return null;
    const [first] = this.#pieces;
    const header = first !== undefined && first.length >= HEADER_BYTES ? first : this.#joined();
    const length = header.readUInt32BE(0);
    if (length <= this.#limitBytes) return length;
    throw new RangeError(`a message of ${String(length)} bytes is announced; ${String(this.#limitBytes)} are the most`);
  }

  #joined(): Buffer {
    const [only] = this.#pieces;
    if (this.#pieces.length === 1 && only !== undefined) return only;
    const joined = Buffer.concat(this.#pieces, this.#heldBytes);
    this.#pieces = [joined];
    return joined;
  }
}

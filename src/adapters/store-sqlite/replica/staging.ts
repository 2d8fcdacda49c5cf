/** A peer's checkpoint while it comes in: a file beside the store, which means nothing until `finish` has checked it. */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { SnapcommitError } from '../../../errors.js';
import { fileError } from '../create.js';
import { decodeStream, DIGEST_BYTES, type StagedCheckpoint } from './checkpoint-stream.js';

const READ_BYTES = 1 << 20;

export class Staging {
  readonly #file: string;
  readonly #descriptor: number;

  constructor(storeFile: string) {
    this.#file = `${storeFile}.install`;
    this.#descriptor = openSync(this.#file, 'w+', 0o600);
  }

  /** @throws STORE_FULL */
  write(chunk: Uint8Array): void {
    try {
      for (let written = 0; written < chunk.length;) written += writeSync(this.#descriptor, chunk, written);
    } catch (error) {
      throw fileError(error, this.#file);
    }
  }

  /** @throws LOG_CORRUPT when it is not, to the byte, what was sent. */
  decoded(): StagedCheckpoint {
    const { size } = fstatSync(this.#descriptor);
    if (size < DIGEST_BYTES || !this.#digest(size - DIGEST_BYTES).equals(this.#read(size - DIGEST_BYTES, DIGEST_BYTES)))
      throw notAsSent('its SHA-256 is another one');
    try {
      return decodeStream((offset, length) => this.#read(offset, length), size);
    } catch (cause) {
      throw notAsSent(cause instanceof Error ? cause.message : 'it cannot be read', cause);
    }
  }

  #digest(bytes: number): Buffer {
    const hash = createHash('sha256');
    for (let offset = 0; offset < bytes; offset += READ_BYTES)
      hash.update(this.#read(offset, Math.min(READ_BYTES, bytes - offset)));
    return hash.digest();
  }

  #read(offset: number, length: number): Buffer {
    const into = Buffer.allocUnsafe(length);
    for (let read = 0; read < length;) {
      const more = readSync(this.#descriptor, into, read, length - read, offset + read);
      if (more === 0) throw new RangeError('the file ends early');
      read += more;
    }
    return into;
  }

  remove(): void {
    closeSync(this.#descriptor);
    removeStaged(this.#file.slice(0, -'.install'.length));
  }
}

/** What a process left that died while one came in. */
export function removeStaged(storeFile: string): void {
  rmSync(`${storeFile}.install`, { force: true });
}

function notAsSent(what: string, cause?: unknown): SnapcommitError {
  return new SnapcommitError(
    'LOG_CORRUPT',
    `the checkpoint that came is not what was sent: ${what}. Nothing was changed; it has to be sent again`,
    { what },
    cause,
  );
}

/**
 * A checkpoint as one stream of bytes: a header, the state, the archive, and a SHA-256 over all of that. Each part has its
 * length before it. Who reads it believes nothing before the digest at the end has been compared.
 */
import { createHash } from 'node:crypto';
import { slot } from '../../../paxos/contiguous-log.js';
import type { CheckpointHeader } from '../../../ports/replica-store.js';
import { configurationOf, fields, number, string } from '../meta.js';

export const DIGEST_BYTES = 32;
export const CHUNK_BYTES = 256 * 1024;
const STREAM_FORMAT = 1;

export interface ArchivePart {
  readonly group: string;
  readonly generation: number;
  readonly bytes: Uint8Array;
}

/** The stream's parts, the digest last. Reads `archive` as it goes. */
export function* encodeStream(
  header: CheckpointHeader,
  state: Uint8Array,
  archive: Iterable<ArchivePart>,
): Generator<Uint8Array, void> {
  const hash = createHash('sha256');
  const hashed = (bytes: Uint8Array): Uint8Array => {
    hash.update(bytes);
    return bytes;
  };
  yield hashed(part(Buffer.from(JSON.stringify({ format: STREAM_FORMAT, ...header }))));
  yield hashed(part(state));
  for (const { group, generation, bytes } of archive) {
    yield hashed(part(Buffer.from(JSON.stringify([group, generation]))));
    yield hashed(part(bytes));
  }
  yield hash.digest();
}

function part(bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** The same bytes in chunks of CHUNK_BYTES. */
export function* chunked(parts: Iterable<Uint8Array>): Generator<Uint8Array, void> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for (const one of parts) {
    waiting.push(one);
    bytes += one.length;
    if (bytes < CHUNK_BYTES) continue;
    const joined = Buffer.concat(waiting);
    let from = 0;
    for (; joined.length - from >= CHUNK_BYTES; from += CHUNK_BYTES)
      yield new Uint8Array(joined.subarray(from, from + CHUNK_BYTES));
    waiting = [joined.subarray(from)];
    bytes = joined.length - from;
  }
  if (bytes > 0) yield new Uint8Array(Buffer.concat(waiting));
}

/** Reads `length` bytes from `offset` on. */
export type ReadAt = (offset: number, length: number) => Buffer;

/** A checkpoint that came as it was sent. */
export interface StagedCheckpoint {
  readonly header: CheckpointHeader;
  readonly state: Buffer;
  /** Read anew at each call. */
  readonly archive: () => Iterable<ArchivePart>;
}

/** @throws RangeError, TypeError, SyntaxError when it is no such stream; the caller has compared the digest. */
export function decodeStream(read: ReadAt, totalBytes: number): StagedCheckpoint {
  const end = totalBytes - DIGEST_BYTES;
  const partAt = (offset: number): Buffer => {
    if (offset + 4 > end) throw new RangeError('a part is missing');
    const length = read(offset, 4).readUInt32BE();
    if (offset + 4 + length > end) throw new RangeError('a part reaches over the end');
    return read(offset + 4, length);
  };
  const first = partAt(0);
  const state = partAt(4 + first.length);
  function* archive(): Generator<ArchivePart, void> {
    for (let offset = 8 + first.length + state.length; offset < end;) {
      const key = partAt(offset);
      const bytes = partAt(offset + 4 + key.length);
      yield { ...archiveKey(key), bytes };
      offset += 8 + key.length + bytes.length;
    }
  }
  return { header: decodeHeader(first), state, archive };
}

function archiveKey(bytes: Buffer): { readonly group: string; readonly generation: number } {
  const key = fields(JSON.parse(bytes.toString()));
  return { group: string(key, '0'), generation: number(key, '1') };
}

function decodeHeader(bytes: Buffer): CheckpointHeader {
  const raw = fields(JSON.parse(bytes.toString()));
  if (number(raw, 'format') !== STREAM_FORMAT)
    throw new TypeError('the checkpoint has a format that is not known here');
  return {
    cluster: string(raw, 'cluster'),
    incarnation: number(raw, 'incarnation'),
    configuration: configurationOf(raw['configuration']),
    slot: slot(number(raw, 'slot')),
    chain: string(raw, 'chain'),
  };
}

/**
 * The log of the kernel's device-mapper target log-writes: every write that a device completed, in order, with the flushes
 * between them. Played back up to a flush, it gives what the device held had the power gone right after it.
 *
 * Format (Linux, drivers/md/dm-log-writes.c): little-endian; a superblock in the first sector, then entries, each one sector
 * with its header, followed by the sectors that were written (none for a discard; a mark's text stands in its header's sector).
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';

const MAGIC = 0x6a736677736872n;
const FLUSH = 1n;
const FUA = 2n;
const DISCARD = 4n;
const CHUNK = 1 << 20;

export interface WriteEntry {
  /** On the device, in bytes. */
  readonly at: number;
  readonly bytes: number;
  /** Where its data stands in the log; null for a discard, whose sectors read as zeroes. */
  readonly data: number | null;
  /** The device had made everything before this durable, and this too. */
  readonly isFlush: boolean;
}

/** The entries of a log. */
export function readWriteLog(file: string): readonly WriteEntry[] {
  const descriptor = openSync(file, 'r');
  try {
    const superblock = read(descriptor, 0, 28);
    if (superblock.readBigUInt64LE(0) !== MAGIC) throw new Error(`${file} is no log of writes`);
    const count = Number(superblock.readBigUInt64LE(16));
    const sector = superblock.readUInt32LE(24);
    const entries: WriteEntry[] = [];
    for (let at = sector; entries.length < count;) {
      const header = read(descriptor, at, 32);
      const flags = header.readBigUInt64LE(16);
      const bytes = Number(header.readBigUInt64LE(8)) * sector;
      const isDiscard = (flags & DISCARD) !== 0n;
      const data = isDiscard ? null : at + sector;
      entries.push({
        at: Number(header.readBigUInt64LE(0)) * sector,
        bytes,
        data,
        isFlush: (flags & (FLUSH | FUA)) !== 0n,
      });
      at += sector + (isDiscard ? 0 : bytes);
    }
    return entries;
  } finally {
    closeSync(descriptor);
  }
}

/** Writes entries to a device or an image, in order. */
export function replay(log: string, entries: readonly WriteEntry[], target: string): void {
  const from = openSync(log, 'r');
  const to = openSync(target, 'r+');
  try {
    for (const { at, bytes, data } of entries) {
      for (let done = 0; done < bytes; done += CHUNK) {
        const size = Math.min(CHUNK, bytes - done);
        writeSync(to, data === null ? Buffer.alloc(size) : read(from, data + done, size), 0, size, at + done);
      }
    }
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

function read(descriptor: number, at: number, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (readSync(descriptor, buffer, 0, bytes, at) !== bytes)
    throw new Error(`the log ends in the middle of byte ${String(at)}`);
  return buffer;
}

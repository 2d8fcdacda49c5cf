/**
 * A batch on its way to the worker: the bytes of all its entries in one piece, which changes hands instead of being copied,
 * and their ballots once for each run of equal ones. A message of hundreds of small objects costs both threads more than
 * writing them does.
 */
import { sameBallot, type Ballot } from '../../../paxos/ballot.js';
import type { Configuration } from '../../../paxos/configuration.js';
import type { LogEntry } from '../../../paxos/contiguous-log.js';
import type { Write } from '../../../paxos/effects.js';
import type { ArchiveWrite, StoreBatch } from '../../../ports/replica-store.js';

export interface PackedEntries {
  /** Of all entries, one after the other. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: Uint32Array;
  readonly ballots: readonly { readonly ballot: Ballot; readonly count: number }[];
  /** By the entry's place. */
  readonly stops: ReadonlyMap<number, Configuration>;
}

export type PackedBatch = Omit<StoreBatch, 'writes'> & {
  readonly writes?: readonly (Omit<Write, 'entries'> & { readonly entries: PackedEntries })[];
};

export function packEntries(entries: readonly LogEntry[]): PackedEntries {
  const lengths = Uint32Array.from(entries, ({ bytes }) => bytes.length);
  // Uint8Array, not Buffer: small buffers share one piece of memory, which must not change hands.
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const ballots: { readonly ballot: Ballot; count: number }[] = [];
  const stops = new Map<number, Configuration>();
  let end = 0;
  for (const [index, entry] of entries.entries()) {
    bytes.set(entry.bytes, end);
    end += entry.bytes.length;
    const run = ballots.at(-1);
    if (run !== undefined && sameBallot(run.ballot, entry.ballot)) run.count += 1;
    else ballots.push({ ballot: entry.ballot, count: 1 });
    if (entry.next !== null) stops.set(index, entry.next);
  }
  return { bytes, lengths, ballots, stops };
}

export function unpackEntries({ bytes, lengths, ballots, stops }: PackedEntries): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  let end = 0;
  for (const { ballot, count } of ballots)
    for (let n = 0; n < count; n += 1) {
      const length = lengths[entries.length] ?? 0;
      entries.push({ ballot, bytes: bytes.subarray(end, end + length), next: stops.get(entries.length) ?? null });
      end += length;
    }
  return entries;
}

/** The batch, and the memory that changes hands. Bytes may be views into something far larger, all of which would go along. */
export function packBatch(batch: StoreBatch): { readonly packed: PackedBatch; readonly moved: readonly ArrayBuffer[] } {
  const { writes, archive, checkpoint, ...rest } = batch;
  const packedWrites = writes?.map((write) => ({ ...write, entries: packEntries(write.entries) }));
  const packed: PackedBatch = {
    ...rest,
    ...(packedWrites && { writes: packedWrites }),
    ...(archive && { archive: archive.map(ownArchive) }),
    ...(checkpoint && { checkpoint: { ...checkpoint, bytes: new Uint8Array(checkpoint.bytes) } }),
  };
  const moved = (packedWrites ?? [])
    .map(({ entries }) => entries.bytes.buffer)
    .filter(({ byteLength }) => byteLength > 0);
  return { packed, moved };
}

export function unpackBatch({ writes, ...rest }: PackedBatch): StoreBatch {
  if (writes === undefined) return rest;
  return { ...rest, writes: writes.map((write) => ({ ...write, entries: unpackEntries(write.entries) })) };
}

function ownArchive(one: ArchiveWrite): ArchiveWrite {
  return one.kind === 'put' ? { ...one, bytes: new Uint8Array(one.bytes) } : one;
}

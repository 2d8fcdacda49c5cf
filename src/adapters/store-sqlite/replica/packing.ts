/**
 * A batch on its way to the worker. To carry objects over, with their fields' names, costs both threads more than writing
 * the batch does. So what stays from batch to batch is said once, by whoever packs, and kept by whoever unpacks; the rest
 * are numbers in their places, and the bytes of all entries in one piece.
 */
import { assertInvariant } from '../../../errors.js';
import { sameBallot, type Ballot } from '../../../paxos/ballot.js';
import type { Configuration } from '../../../paxos/configuration.js';
import type { LogEntry, Slot } from '../../../paxos/contiguous-log.js';
import type { Write } from '../../../paxos/effects.js';
import type { ArchiveWrite, StoreBatch } from '../../../ports/replica-store.js';

/** A longer piece changes hands; for a shorter one that takes longer than copying it. */
const COPIED_BYTES_MAX = 16 * 1024;

export type PackedEntries = readonly [
  /** Of all entries, one after the other. */
  bytes: Uint8Array<ArrayBuffer>,
  lengths: readonly number[],
  /** Once for each run of equal ones; null: all have the usual one. */
  ballots: readonly { readonly ballot: Ballot; readonly count: number }[] | null,
  /** By the entry's place; null: none. */
  stops: ReadonlyMap<number, Configuration> | null,
];

/** What of a write mostly stays. */
type Standing = Pick<Write, 'promised' | 'accepted' | 'configuration' | 'abstains'>;

type PackedWrite = readonly [
  /** null: as in the write before. */
  standing: Standing | null,
  decided: Slot,
  first: Slot,
  install: Slot | null,
  sync: boolean,
  entries: PackedEntries,
];

type Rest = Omit<StoreBatch, 'writes' | 'applied'>;

export type PackedBatch = readonly [writes: readonly PackedWrite[] | null, applied: Slot | null, rest: Rest | null];

/** `usual`: the ballot that most entries have. */
export function packEntries(entries: readonly LogEntry[], usual: Ballot): PackedEntries {
  const lengths = entries.map(({ bytes }) => bytes.length);
  // Uint8Array, not Buffer: small buffers share one piece of memory, all of which would go over.
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const runs: { readonly ballot: Ballot; count: number }[] = [];
  let stops: Map<number, Configuration> | null = null;
  let end = 0;
  for (const [index, entry] of entries.entries()) {
    bytes.set(entry.bytes, end);
    end += entry.bytes.length;
    const run = runs.at(-1);
    if (run !== undefined && sameBallot(run.ballot, entry.ballot)) run.count += 1;
    else runs.push({ ballot: entry.ballot, count: 1 });
    if (entry.next !== null) stops = (stops ?? new Map<number, Configuration>()).set(index, entry.next);
  }
  const areUsual = runs.every(({ ballot }) => sameBallot(ballot, usual));
  return [bytes, lengths, areUsual ? null : runs, stops];
}

export function unpackEntries([bytes, lengths, runs, stops]: PackedEntries, usual: Ballot): readonly LogEntry[] {
  const entries: LogEntry[] = [];
  let end = 0;
  for (const { ballot, count } of runs ?? [{ ballot: usual, count: lengths.length }])
    for (let n = 0; n < count; n += 1) {
      const length = lengths[entries.length] ?? 0;
      entries.push({ ballot, bytes: bytes.subarray(end, end + length), next: stops?.get(entries.length) ?? null });
      end += length;
    }
  return entries;
}

/** One for each worker: its batches are unpacked in the order in which they were packed, each once. */
export class BatchPacker {
  #said: Standing | null = null;

  /** The batch, and the memory that changes hands. */
  pack(batch: StoreBatch): { readonly packed: PackedBatch; readonly moved: readonly ArrayBuffer[] } {
    const { writes, applied, ...rest } = batch;
    const packedWrites = writes?.map((write) => this.#packWrite(write)) ?? null;
    const moved = (packedWrites ?? [])
      .map(([, , , , , [bytes]]) => bytes.buffer)
      .filter(({ byteLength }) => byteLength > COPIED_BYTES_MAX);
    return { packed: [packedWrites, applied ?? null, ownRest(rest)], moved };
  }

  #packWrite(write: Write): PackedWrite {
    const { promised, accepted, configuration, abstains, decided, first, install, sync, entries } = write;
    const said = this.#said;
    const isSaid =
      said?.promised === promised &&
      said.accepted === accepted &&
      said.configuration === configuration &&
      said.abstains === abstains;
    if (!isSaid) this.#said = { promised, accepted, configuration, abstains };
    return [isSaid ? null : this.#said, decided, first, install, sync, packEntries(entries, accepted)];
  }
}

export class BatchUnpacker {
  #heard: Standing | null = null;

  unpack([writes, applied, rest]: PackedBatch): StoreBatch {
    return {
      ...(writes && { writes: writes.map((write) => this.#unpackWrite(write)) }),
      ...(applied !== null && { applied }),
      ...rest,
    };
  }

  #unpackWrite([standing, decided, first, install, sync, packed]: PackedWrite): Write {
    this.#heard = standing ?? this.#heard;
    assertInvariant(
      this.#heard !== null,
      'D2',
      'a batch says of its ballots that they are as before, and there is none',
    );
    return { ...this.#heard, decided, first, install, sync, entries: unpackEntries(packed, this.#heard.accepted) };
  }
}

/** Bytes may be views into something far larger, all of which would go along. null: there is nothing. */
function ownRest(rest: Rest): Rest | null {
  const { archive, checkpoint } = rest;
  if (Object.keys(rest).length === 0) return null;
  return {
    ...rest,
    ...(archive && { archive: archive.map(ownArchive) }),
    ...(checkpoint && { checkpoint: { ...checkpoint, bytes: new Uint8Array(checkpoint.bytes) } }),
  };
}

function ownArchive(one: ArchiveWrite): ArchiveWrite {
  return one.kind === 'put' ? { ...one, bytes: new Uint8Array(one.bytes) } : one;
}

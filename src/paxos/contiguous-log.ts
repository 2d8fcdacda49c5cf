/**
 * The log as a replica keeps it: contiguous entries after a base. PURE.
 *
 * There are no holes (L5): an entry's slot is the base plus its place. Slots up to the base are chosen, applied and
 * covered by a checkpoint; their bytes are gone from here.
 */
import { assertInvariant } from '../errors.js';
import type { Ballot } from './ballot.js';

/** A slot of the log, counted from 1. 0 stands for "before the first". */
export type Slot = number & { readonly __brand: 'Slot' };

export interface LogEntry {
  /** The ballot that it was first proposed under; kept when a later leader adopts it, so all replicas hash the same. */
  readonly ballot: Ballot;
  readonly bytes: Uint8Array;
}

export interface ContiguousLog {
  readonly base: Slot;
  readonly entries: readonly LogEntry[];
}

export function slot(value: number): Slot {
  assertInvariant(Number.isSafeInteger(value) && value >= 0, 'L5', `a slot cannot be ${String(value)}`);
  return value as Slot;
}

/** The slot of the last entry; the base when there is none. */
export function lastSlot(log: ContiguousLog): Slot {
  return slot(log.base + log.entries.length);
}

export function entryAt(log: ContiguousLog, at: Slot): LogEntry | undefined {
  return log.entries[at - log.base - 1];
}

/** The entries in the slots after `after`. The caller has seen that `after` is not below the base. */
export function entriesAfter(log: ContiguousLog, after: Slot): readonly LogEntry[] {
  assertInvariant(after >= log.base, 'L5', `slot ${String(after)} lies below the base ${String(log.base)}`);
  return log.entries.slice(after - log.base);
}

/** The same log with `entries` in the slots after `after`, in place of whatever stood there. */
export function replaceAfter(log: ContiguousLog, after: Slot, entries: readonly LogEntry[]): ContiguousLog {
  assertInvariant(
    after >= log.base && after <= lastSlot(log),
    'L5',
    `entries after slot ${String(after)} do not join a log of slots ${String(log.base)} to ${String(lastSlot(log))}`,
  );
  return { base: log.base, entries: [...log.entries.slice(0, after - log.base), ...entries] };
}

/** The same log without the bytes of the slots up to `through`. */
export function dropThrough(log: ContiguousLog, through: Slot): ContiguousLog {
  return through <= log.base ? log : { base: through, entries: entriesAfter(log, through) };
}

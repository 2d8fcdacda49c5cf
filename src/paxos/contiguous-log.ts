/**
 * The log as a replica keeps it: contiguous entries after a base. PURE.
 *
 * There are no holes (I5): an entry's slot is the base plus its place. Slots up to the base are chosen, applied and
 * covered by a checkpoint; their bytes are gone from here.
 *
 * A log is a value: nothing that is done to one changes another. Logs that grow out of each other share one array, of
 * which each sees its own part, so that appending to the newest of them copies nothing.
 */
import { assertInvariant } from '../errors.js';
import type { Ballot } from './ballot.js';
import type { Configuration } from './configuration.js';
import { slot, type Slot } from './slot.js';

export { slot, type Slot } from './slot.js';

export interface LogEntry {
  /** The ballot that it was first proposed under; kept when a later leader adopts it, so all replicas hash the same. */
  readonly ballot: Ballot;
  /** Empty in a stop-sign. */
  readonly bytes: Uint8Array;
  /** In a stop-sign: the configuration that it begins. null: a command. */
  readonly next: Configuration | null;
}

export interface ContiguousLog {
  readonly base: Slot;
  /** The slot of the last entry; the base when there is none. */
  readonly last: Slot;
  /** Only for this file: `shared[i]` stands in the slot `origin + 1 + i`; what lies outside of (base, last] is another log's. */
  readonly shared: LogEntry[];
  readonly origin: number;
}

/** Entries that nobody sees any more are let go of when there are this many of them, and they are more than half. */
const SLACK_ENTRIES = 1024;

/** A log whose first entry stands in the slot after `base`. */
export function logFrom(base: Slot, entries: readonly LogEntry[]): ContiguousLog {
  return { base, last: slot(base + entries.length), shared: [...entries], origin: base };
}

export function lastSlot(log: ContiguousLog): Slot {
  return log.last;
}

export function entryAt(log: ContiguousLog, at: Slot): LogEntry | undefined {
  return at > log.base && at <= log.last ? log.shared[at - log.origin - 1] : undefined;
}

/** The entries in the slots after `after` up to `through`. The caller has seen that `after` is not below the base. */
export function entriesAfter(log: ContiguousLog, after: Slot, through: Slot = log.last): readonly LogEntry[] {
  assertInvariant(after >= log.base, 'I5', `slot ${String(after)} lies below the base ${String(log.base)}`);
  return log.shared.slice(after - log.origin, Math.min(through, log.last) - log.origin);
}

/** The same log with `entries` in the slots after `after`, in place of whatever stood there. */
export function replaceAfter(log: ContiguousLog, after: Slot, entries: readonly LogEntry[]): ContiguousLog {
  const { base, last, origin } = log;
  assertInvariant(
    after >= base && after <= last,
    'I5',
    `entries after slot ${String(after)} do not join a log of slots ${String(base)} to ${String(last)}`,
  );
  const isNewest = after === last && last === origin + log.shared.length;
  if (!isNewest) return logFrom(base, [...entriesAfter(log, base, after), ...entries]);
  for (const entry of entries) log.shared.push(entry);
  return { base, last: slot(last + entries.length), shared: log.shared, origin };
}

/** The same log without the bytes of the slots up to `through`. */
export function dropThrough(log: ContiguousLog, through: Slot): ContiguousLog {
  if (through <= log.base) return log;
  const unseen = through - log.origin;
  if (through === log.last || (unseen > SLACK_ENTRIES && unseen * 2 > log.shared.length))
    return logFrom(through, entriesAfter(log, through));
  return { ...log, base: through };
}

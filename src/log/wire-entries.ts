/**
 * Entries as a message carries them: a run of commands under one ballot is its lengths and all its bytes in one piece, so
 * that hundreds of entries are a handful of items to write, to check and to read. A stop-sign is a run of its own.
 */
import { ballot, sameBallot, type NodeId } from '../paxos/ballot.js';
import type { Configuration } from '../paxos/configuration.js';
import type { LogEntry } from '../paxos/contiguous-log.js';
import { DEFAULT_LIMITS } from '../paxos/limits.js';
import { bytes, natural, nullable, type Check } from '../wire/shape.js';

export type WireRun = readonly [
  round: number,
  node: NodeId,
  lengths: readonly number[],
  bytes: Uint8Array,
  next: Configuration | null,
];

/** More than any message of ours has: an entry without bytes costs its sender one byte, and its receiver an object. */
const ENTRIES_MAX = 4 * DEFAULT_LIMITS.inFlightEntries;
const RUN_ITEMS = 5;

export function runsOf(entries: readonly LogEntry[]): readonly WireRun[] {
  const runs: WireRun[] = [];
  for (let from = 0; from < entries.length;) {
    const run = runFrom(entries, from);
    runs.push(joined(run));
    from += run.length;
  }
  return runs;
}

/** The entries from this place on that make one run. */
function runFrom(entries: readonly LogEntry[], from: number): readonly LogEntry[] {
  const first = entries[from];
  if (first?.next !== null) return entries.slice(from, from + 1);
  let end = from + 1;
  for (let one = entries[end]; one?.next === null && sameBallot(one.ballot, first.ballot); one = entries[end]) end += 1;
  return entries.slice(from, end);
}

function joined(run: readonly LogEntry[]): WireRun {
  const [first] = run;
  if (first === undefined) throw new RangeError('a run has an entry at least');
  const { ballot: under, next } = first;
  const lengths = run.map((entry) => entry.bytes.length);
  if (run.length === 1) return [under.round, under.node, lengths, first.bytes, next];
  const all = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let end = 0;
  for (const entry of run) {
    all.set(entry.bytes, end);
    end += entry.bytes.length;
  }
  return [under.round, under.node, lengths, all, next];
}

/** Runs, as the entries that they are. Their bytes are parts of the message. */
export function entriesShape(node: Check<NodeId>, configuration: Check<Configuration>): Check<readonly LogEntry[]> {
  const next = nullable(configuration);
  return (value, where) => {
    const entries: LogEntry[] = [];
    for (const run of itemsOf(value, where)) {
      const items = itemsOf(run, where);
      if (items.length !== RUN_ITEMS) throw new TypeError(`${where} has a run of ${String(items.length)} items`);
      const under = ballot(natural(items[0], where), node(items[1], where));
      append(
        entries,
        { under, lengths: itemsOf(items[2], where), all: bytes(items[3], where) },
        next(items[4], where),
        where,
      );
    }
    return entries;
  };
}

interface Commands {
  readonly under: LogEntry['ballot'];
  readonly lengths: readonly unknown[];
  readonly all: Uint8Array;
}

function append(to: LogEntry[], { under, lengths, all }: Commands, next: Configuration | null, where: string): void {
  if (to.length + lengths.length > ENTRIES_MAX)
    throw new TypeError(`${where} has more than ${String(ENTRIES_MAX)} entries`);
  if (lengths.length === 0 || (next !== null && lengths.length > 1))
    throw new TypeError(`${where} has a run of ${String(lengths.length)} entries`);
  let end = 0;
  for (const one of lengths) {
    const from = end;
    end += natural(one, where);
    to.push({ ballot: under, bytes: all.subarray(from, end), next });
  }
  if (end !== all.length) throw new TypeError(`${where} has entries of another length than its bytes`);
}

function itemsOf(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new TypeError(`${where} is not a list`);
}

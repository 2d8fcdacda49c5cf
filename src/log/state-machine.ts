/**
 * The state machine behind a replica: applies what is chosen, in order, on the one thread, and gathers the changes of the
 * archive that the next batch writes.
 */
import { assertInvariant, InvariantError, SnapcommitError, unreachable } from '../errors.js';
import { apply } from '../machine/apply.js';
import type { Entry, Outcome } from '../machine/entry.js';
import type { ArchiveChange, State } from '../machine/state.js';
import { slot, type LogEntry, type Slot } from '../paxos/contiguous-log.js';
import type { ArchiveWrite } from '../ports/replica-store.js';
import { decodeChosen, encodeGeneration } from './codec.js';

/** What one slot did. */
export interface AppliedSlot {
  readonly slot: Slot;
  readonly bytes: Uint8Array;
  /** null: a slot that belongs to the log itself (a stop-sign, an empty entry). */
  readonly entry: Entry | null;
  readonly outcome: Outcome | null;
  /** The slot that the outcome comes from: an earlier one where this entry is a copy. */
  readonly from: Slot;
}

export class StateMachine {
  #state: State;
  readonly #file: string;
  /** In order, since the last `takeArchive`. */
  readonly #archive: ArchiveWrite[] = [];
  /** What the archive will hold when everything handed out is durable; by `group@generation`. */
  readonly #overlay = new Map<string, { readonly bytes: Uint8Array | null; readonly slot: Slot }>();
  /** Bytes applied since the beginning. */
  bytes = 0;

  constructor(state: State, file: string) {
    this.#state = state;
    this.#file = file;
  }

  get state(): State {
    return this.#state;
  }

  /** Slots that are applied already are passed over: a replica that starts again in place is told of them anew. */
  *apply(first: Slot, entries: readonly LogEntry[]): Generator<AppliedSlot> {
    for (const [index, entry] of entries.entries()) {
      const at = slot(first + index);
      if (at <= this.#state.applied) continue;
      assertInvariant(
        at === this.#state.applied + 1,
        'M1',
        `slot ${String(at)} came after ${String(this.#state.applied)}`,
      );
      yield this.#applyOne(at, entry);
    }
  }

  takeArchive(): readonly ArchiveWrite[] {
    return this.#archive.splice(0);
  }

  /** The archive holds every change up to this slot. */
  archived(through: Slot): void {
    for (const [key, one] of this.#overlay) if (one.slot <= through) this.#overlay.delete(key);
  }

  /** undefined: the store knows. */
  pendingArchive(group: string, generation: number): Uint8Array | null | undefined {
    return this.#overlay.get(archiveKey(group, generation))?.bytes;
  }

  /** What is not in the store yet: of one group, by generation. null: deleted. */
  pendingOf(group: string): ReadonlyMap<number, Uint8Array | null> {
    const found = new Map<number, Uint8Array | null>();
    for (const [key, { bytes }] of this.#overlay) {
      const at = key.lastIndexOf('@');
      if (key.slice(0, at) === group) found.set(Number(key.slice(at + 1)), bytes);
    }
    return found;
  }

  #applyOne(at: Slot, { bytes, next }: LogEntry): AppliedSlot {
    this.bytes += bytes.length;
    if (next !== null || bytes.length === 0) {
      this.#state = { ...this.#state, applied: at };
      return { slot: at, bytes, entry: null, outcome: null, from: at };
    }
    const entry = this.#decode(at, bytes);
    const applied = apply(this.#state, at, entry);
    this.#state = applied.state;
    for (const change of applied.archive) this.#keep(at, change);
    return { slot: at, bytes, entry, outcome: applied.outcome, from: slot(applied.slot) };
  }

  #keep(at: Slot, change: ArchiveChange): void {
    switch (change.kind) {
      case 'put': {
        const { group, generation } = change.record;
        const bytes = encodeGeneration(change.record);
        this.#archive.push({ kind: 'put', group, generation, bytes });
        this.#overlay.set(archiveKey(group, generation), { bytes, slot: at });
        return;
      }
      case 'delete':
        this.#archive.push(change);
        this.#overlay.set(archiveKey(change.group, change.generation), { bytes: null, slot: at });
        return;
      default:
        unreachable(change);
    }
  }

  #decode(at: Slot, bytes: Uint8Array): Entry {
    try {
      return decodeChosen(bytes);
    } catch (cause) {
      if (cause instanceof InvariantError) throw cause;
      const what = cause instanceof Error ? cause.message : 'it cannot be decoded';
      throw new SnapcommitError(
        'LOG_CORRUPT',
        `the log is damaged: slot ${String(at)} of ${this.#file} was chosen and is no entry: ${what}. This node stops; look whether another version of snapcommit wrote to the log`,
        { file: this.#file, slot: at, what },
        cause,
      );
    }
  }
}

function archiveKey(group: string, generation: number): string {
  return `${group}@${String(generation)}`;
}

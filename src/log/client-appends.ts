/**
 * Appends of this process's callers, from the call to the answer: to whoever leads, again when that is lost, under one
 * name each, so that a copy is never carried out twice (machine/appends.ts).
 *
 * The answer comes from the state machine: whoever leads, this node applies the entry as well, and knows its own names.
 * `notDone` is told only when no attempt can be chosen any more: none was made, or each was refused by whom it was made to.
 */
import type { AppendKey, Operation, Outcome, Slot } from '../machine/entry.js';
import type { AppendResult, RequestKey } from '../ports/log.js';
import type { Clock } from '../ports/clock.js';
import type { Timers } from '../ports/timers.js';
import type { AppendLanes, LaneKey } from './append-lanes.js';
import { encodeEntry } from './codec.js';
import { tooLargeReason } from './entry-bytes.js';

/** What a caller wants appended. */
export interface AskedAppend {
  readonly operation: Operation;
  readonly request: RequestKey | null;
  /** The name by which a command repeats its append, also through another start of this node; null: it gets one of ours. */
  readonly key: AppendKey | null;
  /** The entry of all this, as the command has encoded it; null: it is made here. */
  readonly encoded: Uint8Array | null;
}

export interface ClientAppend {
  readonly key: LaneKey;
  readonly bytes: Uint8Array;
  readonly resolve: (result: AppendResult) => void;
  /** Whoever asked for the same one while it was under way. */
  readonly also: ((result: AppendResult) => void)[];
  readonly stopWaiting: () => void;
  /** Attempts of which it is not known that they come to nothing. */
  open: number;
  /** Where the newest attempt went; null: it waits for a leader. */
  attempt: Attempt | null;
  /** Why the last attempt was refused. */
  refusal: string | null;
}

export interface Attempt {
  /** null: proposed here. */
  readonly to: string | null;
  /** The number of the forward, and the place in it. */
  readonly number: number;
  readonly index: number;
  readonly atTick: number;
}

export interface AppendLimits {
  readonly pendingMax: number;
  readonly pendingBytesMax: number;
  readonly entryBytesMax: number;
  readonly timeoutMs: number;
}

export class ClientAppends {
  readonly #lanes: AppendLanes;
  readonly #limits: AppendLimits;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #byName = new Map<string, ClientAppend>();
  readonly #waiting = new Set<ClientAppend>();
  #bytes = 0;

  constructor(lanes: AppendLanes, limits: AppendLimits, clock: Clock, timers: Timers) {
    this.#lanes = lanes;
    this.#limits = limits;
    this.#clock = clock;
    this.#timers = timers;
  }

  get pending(): number {
    return this.#byName.size;
  }

  get hasWaiting(): boolean {
    return this.#waiting.size > 0;
  }

  /** `since`: the newest slot that this node has applied. */
  submit({ operation, request, key: given, encoded }: AskedAppend, since: Slot): Promise<AppendResult> {
    const running = given === null ? undefined : this.#byName.get(nameOf(given));
    if (running !== undefined) return new Promise((resolve) => running.also.push(resolve));
    if (this.#byName.size >= this.#limits.pendingMax || this.#bytes >= this.#limits.pendingBytesMax)
      return Promise.resolve({ status: 'notDone', reason: busyReason(this.#byName.size) });
    const key = given ?? this.#lanes.open();
    let bytes: Uint8Array;
    try {
      const append = given ?? { ...key, since };
      bytes = encoded ?? encodeEntry({ at: Math.floor(this.#clock.now()), request, append, operation });
    } catch (error) {
      this.#lanes.close(key, 'known');
      throw error;
    }
    if (bytes.length > this.#limits.entryBytesMax) {
      this.#lanes.close(key, 'known');
      return Promise.resolve({ status: 'notDone', reason: tooLargeReason(bytes.length, this.#limits.entryBytesMax) });
    }
    return new Promise((resolve) => {
      const stopWaiting = this.#timers.after(this.#limits.timeoutMs, () => {
        this.#expire(append);
      });
      const append: ClientAppend = {
        key,
        bytes,
        resolve,
        stopWaiting,
        open: 0,
        attempt: null,
        refusal: null,
        also: [],
      };
      this.#byName.set(nameOf(key), append);
      this.#waiting.add(append);
      this.#bytes += bytes.length;
    });
  }

  /** Some that wait for an attempt, oldest first, within these bounds (but at least one). */
  take(countMax: number, bytesMax: number): readonly ClientAppend[] {
    const taken: ClientAppend[] = [];
    let bytes = 0;
    for (const append of this.#waiting) {
      if (taken.length >= countMax || (taken.length > 0 && bytes + append.bytes.length > bytesMax)) break;
      bytes += append.bytes.length;
      taken.push(append);
      this.#waiting.delete(append);
    }
    return taken;
  }

  attempted(append: ClientAppend, attempt: Attempt): void {
    append.attempt = attempt;
    append.open += 1;
  }

  /** This attempt was refused for certain: it waits for the next. */
  refused(append: ClientAppend, reason: string): void {
    append.open -= 1;
    append.refusal = reason;
    this.#again(append);
  }

  /** Every append whose newest attempt fits; it is made again, and the old attempt may still succeed. */
  retry(fits: (attempt: Attempt) => boolean): void {
    for (const append of this.#byName.values())
      if (append.attempt !== null && fits(append.attempt)) this.#again(append);
  }

  /** The appends whose newest attempt is this one. */
  attemptedBy(to: string, number: number): readonly ClientAppend[] {
    return [...this.#byName.values()].filter(({ attempt }) => attempt?.to === to && attempt.number === number);
  }

  /** Answers those that wait and that nobody can have taken. */
  refuseUntried(reason: string): void {
    for (const append of [...this.#waiting]) if (append.open === 0) this.#giveUp(append, reason);
  }

  /** An entry of this name was applied. */
  applied({ client, sequence }: LaneKey, slot: Slot, outcome: Outcome): void {
    const append = this.#byName.get(nameOf({ client, sequence }));
    if (append !== undefined) this.#settle(append, { status: 'chosen', slot, outcome }, 'known');
  }

  /** Answers everything: nothing more will come. */
  end(reason: string): void {
    for (const append of [...this.#byName.values()]) this.#giveUp(append, reason);
  }

  #again(append: ClientAppend): void {
    append.attempt = null;
    if (this.#byName.has(nameOf(append.key))) this.#waiting.add(append);
  }

  #expire(append: ClientAppend): void {
    const waited = `${String(this.#limits.timeoutMs)} ms`;
    this.#giveUp(append, append.refusal ?? `no answer from a majority of the log's voters within ${waited}`);
  }

  #giveUp(append: ClientAppend, reason: string): void {
    if (append.open === 0) this.#settle(append, { status: 'notDone', reason }, 'known');
    else this.#settle(append, { status: 'unknown', reason }, 'unknown');
  }

  #settle(append: ClientAppend, result: AppendResult, outcome: 'known' | 'unknown'): void {
    append.stopWaiting();
    this.#byName.delete(nameOf(append.key));
    this.#waiting.delete(append);
    this.#bytes -= append.bytes.length;
    this.#lanes.close(append.key, outcome);
    for (const answer of [append.resolve, ...append.also]) answer(result);
  }
}

function nameOf({ client, sequence }: LaneKey): string {
  return `${client} ${String(sequence)}`;
}

function busyReason(pending: number): string {
  return `busy: ${String(pending)} appends of this node wait for an answer already; try again a little later`;
}

/**
 * What a daemon remembers of the calls that came to it, so that none is begun twice (L3): a copy of a running call waits
 * for the one that runs, a copy of an answered call gets its answer again, and one whose answer was given up is refused.
 *
 * A caller that is not heard of any more leaves its last answers behind, so they are bounded: by number, by bytes and by
 * time; so is the number of calls that run, for each node that sends them. Memory only: after a restart every call is new.
 */
import type { Clock } from '../../ports/clock.js';
import type { CallName } from './call-name.js';
import { Caller, type Entry } from './caller.js';
import { failed, outcomeBytes, type Outcome } from './outcome.js';

export interface LedgerLimits {
  /** Calls of one node that run; more are refused. */
  readonly runningMax: number;
  /** Answers that are kept for one node, and their bytes. */
  readonly answersMax: number;
  readonly answerBytesMax: number;
  readonly answerKeptMs: number;
  /** Callers that are remembered of one node: who was silent for longest goes first. */
  readonly callersMax: number;
}

export const DEFAULT_LEDGER_LIMITS: LedgerLimits = {
  runningMax: 256,
  answersMax: 4096,
  answerBytesMax: 16 * 1024 * 1024,
  answerKeptMs: 600_000,
  callersMax: 4096,
};

export type Taken =
  | { readonly state: 'begun' | 'running'; readonly outcome: Promise<Outcome> }
  | { readonly state: 'answered'; readonly outcome: Outcome };

/** The calls of one node. */
export class CallLedger {
  readonly #clock: Clock;
  readonly #limits: LedgerLimits;
  /** In the order in which they were heard of last. */
  readonly #callers = new Map<string, Caller>();
  /** Answered calls, oldest answer first. */
  readonly #answered = new Set<Entry>();
  #answerBytes = 0;
  #running = 0;

  constructor(clock: Clock, limits: LedgerLimits) {
    this.#clock = clock;
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  /** Begins the call by `begin` (which does not reject) unless it is known. */
  take(name: CallName, begin: () => Promise<Outcome>): Taken {
    const caller = this.#callerOf(name.caller);
    for (const entry of caller.release(name.oldest)) this.#drop(entry);
    const known = caller.find(name.sequence);
    if (known?.outcome !== undefined) return { state: 'answered', outcome: known.outcome };
    if (known !== undefined) return { state: 'running', outcome: known.running };
    if (caller.isPast(name.sequence)) return { state: 'answered', outcome: forgotten(name) };
    if (this.#running >= this.#limits.runningMax) {
      // Remembered like any answer: a copy that comes when there is room again was told that nothing is done.
      const outcome = tooMany(this.#limits.runningMax);
      this.#keep(caller.add(name.sequence, Promise.resolve(outcome)), outcome);
      return { state: 'answered', outcome };
    }
    return { state: 'begun', outcome: this.#begin(caller, name.sequence, begin) };
  }

  async #begin(caller: Caller, sequence: number, begin: () => Promise<Outcome>): Promise<Outcome> {
    this.#running += 1;
    const running = begin();
    const entry = caller.add(sequence, running);
    const outcome = await running;
    this.#running -= 1;
    this.#keep(entry, outcome);
    return outcome;
  }

  #callerOf(token: string): Caller {
    const caller = this.#callers.get(token) ?? new Caller(token);
    this.#callers.delete(token);
    this.#callers.set(token, caller);
    if (this.#callers.size > this.#limits.callersMax) this.#forgetOne();
    return caller;
  }

  /** Who was silent for longest and has nothing running. */
  #forgetOne(): void {
    for (const caller of this.#callers.values())
      if (!caller.isRunning) {
        for (const entry of caller.release(Number.MAX_SAFE_INTEGER)) this.#drop(entry);
        this.#callers.delete(caller.token);
        return;
      }
  }

  #keep(entry: Entry, outcome: Outcome): void {
    entry.outcome = outcome;
    entry.bytes = outcomeBytes(outcome);
    entry.answeredAtMs = this.#clock.monotonic();
    // Its caller has said meanwhile that it does not wait any more.
    if (entry.caller.isReleased(entry)) {
      entry.caller.forget(entry);
      return;
    }
    this.#answered.add(entry);
    this.#answerBytes += entry.bytes;
    const { answersMax, answerBytesMax, answerKeptMs } = this.#limits;
    const keptSince = this.#clock.monotonic() - answerKeptMs;
    for (const oldest of this.#answered) {
      const isTooMuch = this.#answered.size > answersMax || this.#answerBytes > answerBytesMax;
      if (!isTooMuch && oldest.answeredAtMs >= keptSince) break;
      this.#drop(oldest);
    }
  }

  #drop(entry: Entry): void {
    entry.caller.forget(entry);
    if (this.#answered.delete(entry)) this.#answerBytes -= entry.bytes;
  }
}

function forgotten({ sequence }: CallName): Outcome {
  return failed(
    'OUTCOME_UNKNOWN',
    `request ${String(sequence)} came once more after it was answered, and the answer is not kept any more; ` +
      '`snapcommit status` shows what became of it',
  );
}

function tooMany(most: number): Outcome {
  return failed('UNAVAILABLE', `it works on ${String(most)} requests of the same node already; nothing was begun`);
}

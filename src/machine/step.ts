/** What a reducer is told and what it answers. PURE: shapes and their makers only. */
import type { Details, ErrorCode } from '../errors.js';
import type { Outcome, Slot, TransactionId } from './entry.js';
import type { ArchiveChange, State } from './state.js';

/** What a reducer may know of the entry around its operation. */
export interface StepContext {
  readonly slot: Slot;
  /** ms since the epoch by the proposer's clock. */
  readonly at: number;
  readonly request: string | null;
}

export type Refusal = Extract<Outcome, { readonly ok: false }>;

export interface Step {
  readonly state: State;
  readonly outcome: Outcome;
  readonly archive: readonly ArchiveChange[];
}

interface Answer {
  readonly generation?: number;
  readonly transaction?: TransactionId;
}

export function done(state: State, answer: Answer = {}, archive: readonly ArchiveChange[] = []): Step {
  const outcome: Outcome = {
    ok: true,
    generation: answer.generation ?? null,
    transaction: answer.transaction ?? null,
  };
  return { state, outcome, archive };
}

/** A refusal says what happened, to what, and what to do next; `details` are for programs. */
export function refusal(code: ErrorCode, message: string, details: Details = {}): Refusal {
  return { ok: false, code, message, details };
}

/** A refused entry changes nothing. */
export function refused(state: State, outcome: Refusal): Step {
  return { state, outcome, archive: [] };
}

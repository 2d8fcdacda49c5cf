/**
 * What concurrent clients saw, as events in the order in which one observer saw them. PURE.
 *
 * An operation takes effect at one moment between its invocation and its answer. One that failed never took effect;
 * one whose outcome is unknown (or that is still running at the history's end) may take effect at any moment after its
 * invocation, also long after the client gave up, or never.
 */
import assert from 'node:assert/strict';

export type HistoryEvent<Call, Answer> =
  | { readonly kind: 'invoke'; readonly process: string; readonly call: Call }
  | { readonly kind: 'ok'; readonly process: string; readonly answer: Answer }
  /** Surely not done. */
  | { readonly kind: 'fail'; readonly process: string }
  /** Done, not done, or still to be done. */
  | { readonly kind: 'unknown'; readonly process: string };

export type History<Call, Answer> = readonly HistoryEvent<Call, Answer>[];

/** Stands in an answer's place where nobody heard one. */
export const UNHEARD = Symbol('unheard');
export type Unheard = typeof UNHEARD;

export interface Operation<Call, Answer> {
  /** The place of its invocation in the history. */
  readonly invoked: number;
  /** The place of its answer; Infinity where none came. */
  readonly answered: number;
  readonly process: string;
  readonly call: Call;
  readonly answer: Answer | Unheard;
}

/**
 * The operations that may have taken effect, by invocation: those that failed are gone. A process runs one operation
 * at a time; after an unknown outcome it may go on with the next.
 */
export function operationsOf<Call, Answer>(history: History<Call, Answer>): readonly Operation<Call, Answer>[] {
  const running = new Map<string, { readonly invoked: number; readonly call: Call }>();
  const operations: Operation<Call, Answer>[] = [];
  history.forEach((event, at) => {
    const begun = running.get(event.process);
    if (event.kind === 'invoke') {
      assert.ok(begun === undefined, `event ${String(at)}: ${event.process} has an operation running already`);
      running.set(event.process, { invoked: at, call: event.call });
      return;
    }
    assert.ok(begun !== undefined, `event ${String(at)}: ${event.process} has no operation running`);
    running.delete(event.process);
    if (event.kind === 'fail') return;
    const { process } = event;
    operations.push(
      event.kind === 'ok'
        ? { ...begun, answered: at, process, answer: event.answer }
        : { ...begun, answered: Infinity, process, answer: UNHEARD },
    );
  });
  for (const [process, begun] of running) operations.push({ ...begun, answered: Infinity, process, answer: UNHEARD });
  return operations.sort((a, b) => a.invoked - b.invoked);
}

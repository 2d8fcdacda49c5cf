/**
 * Whether a history is linearizable: whether each operation can be given one moment between its invocation and its
 * answer so that an object used by one client alone would have answered the same. PURE.
 *
 *     const verdict = checkLinearizable(registerModel(null), history);
 *     t.equal(verdict.explanation, null);
 *
 * Linearizability is local (Herlihy and Wing, 1990): a history is linearizable exactly if what concerns each object is,
 * so each object is searched alone.
 */
import { explain } from './explain.js';
import { operationsOf, type History, type Operation } from './history.js';
import type { Model } from './model.js';
import { search } from './search.js';

export interface Verdict {
  /** `undecided`: the search gave up at its limit; neither is shown. */
  readonly kind: 'linearizable' | 'violation' | 'undecided';
  /** null for a linearizable history; otherwise text for a person. */
  readonly explanation: string | null;
  readonly operations: number;
  /** How many configurations the search explored. */
  readonly configurations: number;
}

/** @param limit how many configurations to explore for each object before giving up */
export function checkLinearizable<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  history: History<Call, Answer>,
  limit = 1_000_000,
): Verdict {
  const operations = operationsOf(history);
  let configurations = 0;
  for (const [object, own] of byObject(model, operations)) {
    const result = search(model, own, limit);
    configurations += result.configurations;
    const found = { operations: operations.length, configurations };
    const of = object === '' ? '' : ` of ${object}`;
    if (result.kind === 'none') return { kind: 'violation', explanation: explain(model, result.stuck, of), ...found };
    if (result.kind === 'undecided') {
      const tried = String(result.configurations);
      const explanation = `the history${of} is neither shown linearizable nor refuted: gave up after ${tried} configurations`;
      return { kind: 'undecided', explanation, ...found };
    }
  }
  return { kind: 'linearizable', explanation: null, operations: operations.length, configurations };
}

function byObject<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
): ReadonlyMap<string, readonly Operation<Call, Answer>[]> {
  const objects = new Map<string, Operation<Call, Answer>[]>();
  for (const operation of operations) {
    const object = model.objectOf?.(operation.call) ?? '';
    const own = objects.get(object);
    if (own === undefined) objects.set(object, [operation]);
    else own.push(operation);
  }
  return objects;
}

/**
 * Linearizability by its definition: every choice of which unknown operations took effect, every order. For histories
 * of a handful of operations, to check the real checker against; shares no code with it. PURE.
 */
import { UNHEARD, type Operation } from './history.js';
import type { Model } from './model.js';

export function isLinearizable<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  operations: readonly Operation<Call, Answer>[],
): boolean {
  const unknown = operations.filter(({ answer }) => answer === UNHEARD);
  const heard = operations.filter(({ answer }) => answer !== UNHEARD);
  return subsets(unknown).some((tookEffect) => hasOrder(model, model.initial, [...heard, ...tookEffect]));
}

function hasOrder<State, Call, Answer>(
  model: Model<State, Call, Answer>,
  state: State,
  left: readonly Operation<Call, Answer>[],
): boolean {
  if (left.length === 0) return true;
  return left.some((first) => {
    // Whoever was answered before another was invoked comes before it.
    if (left.some((other) => other.answered < first.invoked)) return false;
    const after = model.step(state, first.call, first.answer);
    return (
      after !== null &&
      hasOrder(
        model,
        after,
        left.filter((other) => other !== first),
      )
    );
  });
}

function subsets<Item>(items: readonly Item[]): readonly (readonly Item[])[] {
  return items.reduce<readonly (readonly Item[])[]>(
    (sets, item) => [...sets, ...sets.map((set) => [...set, item])],
    [[]],
  );
}

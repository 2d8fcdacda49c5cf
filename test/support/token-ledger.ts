/** A token ledger without a log: the reducers of the real one, over a state that is kept here. */
import { SnapcommitError } from '#src/errors.js';
import { apply } from '#src/machine/apply.js';
import type { Operation, Slot, UseToken } from '#src/machine/entry.js';
import { emptyState, type State } from '#src/machine/state.js';
import { useRefusal } from '#src/machine/tokens.js';
import type { Joiner, TokenLedger } from '#src/ports/token-ledger.js';

export interface MemoryLedger extends TokenLedger {
  readonly state: State;
}

/** `member`: who is one from the start. */
export function memoryLedger(member: string, now: () => number = Date.now): MemoryLedger {
  let state = emptyState(1);
  const append = (operation: Operation): void => {
    const entry = { at: now(), request: null, append: null, operation };
    const applied = apply(state, (state.applied + 1) as Slot, entry);
    ({ state } = applied);
    const { outcome } = applied;
    if (!outcome.ok) throw new SnapcommitError(outcome.code, outcome.message, outcome.details);
  };
  append({ type: 'putMember', node: member, address: `${member}:7420` });
  return {
    get state() {
      return state;
    },
    async add({ hash, expiresAt, node }) {
      // One that has expired already is refused by the log; tests need some.
      state = {
        ...state,
        tokens: { ...state.tokens, [hash]: { expires: expiresAt, node, usedBy: null, usedKey: null } },
      };
      return Promise.resolve();
    },
    async check(hash, joiner) {
      const problem = useRefusal(state, useOf(hash, joiner), now());
      if (problem !== null) throw new SnapcommitError(problem.code, problem.message, problem.details);
      return Promise.resolve();
    },
    async consume(hash, joiner) {
      append(useOf(hash, joiner));
      return Promise.resolve();
    },
  };
}

function useOf(hash: string, { node, key }: Joiner): UseToken {
  return { type: 'useToken', hash, node, key, address: `${node}:7420` };
}

/** Properties over random histories (support/random.ts). SEED replays one; a failure prints the shrunk history. */
import fc from 'fast-check';
import t, { type Test } from 'tap';
import type { Applied } from '#src/machine/apply.js';
import { canonicalJson, stateDigest } from '#src/machine/digest.js';
import type { Entry, Operation } from '#src/machine/entry.js';
import type { State } from '#src/machine/state.js';
import { violations } from './support/check.js';
import { randomEntry, scripts, seed, SETUP, type Picks } from './support/random.js';
import { ScriptMachine } from './support/script-machine.js';

interface Passed extends Applied {
  readonly before: State;
  readonly entry: Entry;
}

/** Runs a history; `each` sees every step. */
function play(
  history: readonly Picks[],
  each: (passed: Passed, index: number) => void = () => undefined,
): ScriptMachine {
  const machine = new ScriptMachine(SETUP);
  history.forEach((picks, index) => {
    const before = machine.state;
    const entry = randomEntry(picks, before, machine.begun);
    each({ ...machine.apply(entry), before, entry }, index);
  });
  return machine;
}

function holds(t: Test, property: fc.IPropertyWithHooks<[readonly Picks[]]>): void {
  t.comment(`SEED=${String(seed)}`);
  t.doesNotThrow(() => {
    fc.assert(property, { seed, numRuns: 150 });
  });
}

/** The state apart from how far the log has come. */
function content(state: State): State {
  return { ...state, applied: 0 as State['applied'] };
}

void t.test('L3 P10 a history replayed from a checkpoint in its middle ends in the same bytes', (t) => {
  holds(
    t,
    fc.property(scripts, (history) => {
      const entries: Entry[] = [];
      const outcomes: unknown[] = [];
      const whole = play(history, ({ entry, outcome, archive }) => {
        entries.push(entry);
        outcomes.push(outcome, archive);
      });
      return [false, true].every((sorted) => {
        const again = new ScriptMachine(SETUP);
        const outcomesAgain: unknown[] = [];
        entries.forEach((entry, index) => {
          if (index % 7 === 3) again.reload(sorted);
          const { outcome, archive } = again.apply(JSON.parse(JSON.stringify(entry)) as Entry);
          outcomesAgain.push(outcome, archive);
        });
        return (
          // A codec that sorts keys may leave them in another order, and nothing else.
          (sorted || JSON.stringify(again.state) === JSON.stringify(whole.state)) &&
          stateDigest(again.state) === stateDigest(whole.state) &&
          canonicalJson(outcomesAgain) === canonicalJson(outcomes)
        );
      });
    }),
  );
  t.end();
});

void t.test('every state keeps the invariants', (t) => {
  holds(
    t,
    fc.property(scripts, (history) => {
      play(history, ({ state }) => {
        const wrong = violations(state);
        if (wrong.length > 0) throw new Error(wrong.join('; '));
      });
    }),
  );
  t.end();
});

void t.test('L4 a decision never changes, and a number is never used again', (t) => {
  holds(
    t,
    fc.property(scripts, (history) => {
      const decided = new Map<string, string>();
      const used = new Set<string>();
      let clock = 0;
      play(history, ({ state, archive }) => {
        for (const { transaction, decision } of state.finished) {
          const said = JSON.stringify(decision);
          if ((decided.get(transaction) ?? said) !== said) throw new Error(`${transaction} was decided anew`);
          decided.set(transaction, said);
        }
        for (const change of archive) {
          if (change.kind !== 'put') continue;
          const { group, generation, committedAt } = change.record;
          const key = `${group}@${String(generation)}`;
          if (used.has(key)) throw new Error(`${key} was used again`);
          if (committedAt <= clock) throw new Error(`${key} is not later than the commit before it`);
          used.add(key);
          clock = committedAt;
        }
      });
    }),
  );
  t.end();
});

void t.test('a refused entry changes nothing, and a repeated request does not either', (t) => {
  holds(
    t,
    fc.property(scripts, (history) => {
      const done = new Map<string, string>();
      play(history, ({ before, state, entry, outcome, archive }) => {
        const same = JSON.stringify(content(before)) === JSON.stringify(content(state)) && archive.length === 0;
        if (!outcome.ok && !same) throw new Error(`a refused ${entry.operation.type} changed something`);
        if (entry.request === null || isDecision(entry.operation)) return;
        const { id, digest } = entry.request;
        if (done.has(id) && !same) throw new Error(`request ${id} was carried out again`);
        if (done.has(id) && (done.get(id) !== digest) !== (!outcome.ok && outcome.code === 'REQUEST_CONFLICT')) {
          throw new Error(`request ${id} with digest ${digest} got a wrong answer`);
        }
        if (outcome.ok && !done.has(id)) done.set(id, digest);
      });
    }),
  );
  t.end();
});

void t.test(
  'T13 no retire and no removal takes a generation that is current, held, pinned, pending or restored',
  (t) => {
    let retired = 0;
    holds(
      t,
      fc.property(scripts, (history) => {
        play(history, ({ before, entry: { operation }, outcome, archive }) => {
          if (!outcome.ok) return;
          for (const change of archive) {
            if (change.kind !== 'delete') continue;
            retired += 1;
            const use = useOf(before, change.group, change.generation);
            if (use === 'current' && operation.type === 'removeGroup') continue;
            if (use !== null) throw new Error(`${change.group}@${String(change.generation)} was ${use}`);
          }
        });
      }),
    );
    t.ok(retired > 0, 'the histories retire something');
    t.end();
  },
);

void t.test('M9 T5 a volume that no node has published is waited for where its disk is now', (t) => {
  let moved = 0;
  holds(
    t,
    fc.property(scripts, (history) => {
      const unsaid = new Map<string, Set<string>>();
      play(history, ({ before, state, entry: { operation }, outcome, archive }) => {
        for (const change of archive) {
          if (change.kind === 'delete') unsaid.delete(`${change.group}@${String(change.generation)}`);
          else {
            const { group, generation, manifest } = change.record;
            unsaid.set(`${group}@${String(generation)}`, new Set(manifest.volumes.map(({ volume }) => volume)));
          }
        }
        if (outcome.ok && operation.type === 'published') {
          const left = unsaid.get(`${operation.group}@${String(operation.generation)}`);
          for (const volume of operation.volumes ?? []) left?.delete(volume);
        }
        if (outcome.ok && operation.type === 'moveVolume' && before.pending !== state.pending) moved += 1;
        for (const [key, volumes] of unsaid) {
          const waiting = state.pending[key]?.nodes ?? [];
          for (const volume of volumes) {
            const found = state.volumes[volume];
            if (found === undefined || found.forfeited || waiting.includes(found.record.node)) continue;
            throw new Error(`${key}: nobody waits for ${volume} on ${found.record.node}`);
          }
        }
      });
    }),
  );
  t.ok(moved > 0, 'the histories move something');
  t.end();
});

function isDecision({ type }: Operation): boolean {
  return ['takeOver', 'commit', 'abort', 'published'].includes(type);
}

/** Written apart from src/machine/protection.ts, on purpose. */
function useOf(state: State, group: string, generation: number): string | null {
  const key = `${group}@${String(generation)}`;
  if (key in state.holds) return 'held';
  if (key in state.pending) return 'pending';
  if (Object.values(state.pins).some((pin) => pin.group === group && pin.generation === generation)) return 'pinned';
  const restoring = Object.values(state.open).map(({ begin }) => `${begin.group}@${String(begin.sourceGeneration)}`);
  if (restoring.includes(key)) return 'being restored';
  const { live = [], incomplete = [] } = state.groups[group] ?? {};
  const within = (runs: typeof live, n: number): boolean => runs.some(([first, last]) => first <= n && n <= last);
  let newest = state.groups[group]?.newest ?? 0;
  while (newest > 0 && (!within(live, newest) || within(incomplete, newest))) newest -= 1;
  return newest === generation ? 'current' : null;
}

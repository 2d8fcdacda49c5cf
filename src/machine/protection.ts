/**
 * Which generations must not be retired, and why. PURE. `retire` refuses them and a prune's plan keeps them: both ask
 * here, so that they cannot differ.
 */
import { compareText, lookup } from './record.js';
import { allPending, allPins, newestComplete, openTransactions } from './queries.js';
import { parseGenerationKey } from './keys.js';
import type { State } from './state.js';

export type ProtectionReason = 'current' | 'held' | 'pinned' | 'pending' | 'restoring';

export interface Protection {
  readonly reason: ProtectionReason;
  /** Who or what protects it, and how that ends: half a sentence for a message. */
  readonly explanation: string;
}

/** By generation; the first reason that applies, `current` last: it alone goes with the group. */
export function protectionsOf(state: State, group: string): ReadonlyMap<number, Protection> {
  const found = new Map<number, Protection>();
  for (const [generation, protection] of everyProtection(state, group)) {
    if (!found.has(generation)) found.set(generation, protection);
  }
  return found;
}

/** For a retention plan. */
export function protectedGenerations(state: State, group: string): ReadonlySet<number> {
  return new Set(protectionsOf(state, group).keys());
}

type Protected = readonly [generation: number, protection: Protection];

function everyProtection(state: State, group: string): readonly Protected[] {
  return [
    ...held(state, group),
    ...pinned(state, group),
    ...pending(state, group),
    ...restoring(state, group),
    ...current(state, group),
  ];
}

function current(state: State, group: string): readonly Protected[] {
  const found = lookup(state.groups, group);
  const newest = found === undefined ? 0 : newestComplete(found);
  if (newest === 0) return [];
  return [[newest, { reason: 'current', explanation: 'it is the current generation; it goes only with its group' }]];
}

function held(state: State, group: string): readonly Protected[] {
  return Object.entries(state.holds)
    .sort(([a], [b]) => compareText(a, b))
    .flatMap(([key, tags]): Protected[] => {
      const parsed = parseGenerationKey(key);
      if (parsed?.group !== group) return [];
      const explanation = `it is held (${tags.join(', ')}); release it with \`snapcommit hold release ${key}\``;
      return [[parsed.generation, { reason: 'held', explanation }]];
    });
}

function pinned(state: State, group: string): readonly Protected[] {
  return allPins(state)
    .filter((pin) => pin.group === group)
    .map(({ generation, holder }) => {
      const process = `process ${String(holder.pid)} on node ${holder.node}`;
      return [generation, { reason: 'pinned', explanation: `${process} is using it; wait until that ends` }];
    });
}

function pending(state: State, group: string): readonly Protected[] {
  return allPending(state)
    .filter(({ record }) => record.group === group)
    .map(({ record, nodes }) => {
      const explanation = `node ${nodes.join(', ')} has not published it yet; run \`snapcommit recover\` there`;
      return [record.generation, { reason: 'pending', explanation }];
    });
}

function restoring(state: State, group: string): readonly Protected[] {
  return openTransactions(state).flatMap(({ begin }): Protected[] => {
    if (begin.group !== group || begin.sourceGeneration === null) return [];
    const explanation = `transaction ${begin.transaction} is restoring it; wait until that ends`;
    return [[begin.sourceGeneration, { reason: 'restoring', explanation }]];
  });
}

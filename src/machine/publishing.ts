/**
 * `published`: a node says that all of its volumes of one generation stand. PURE. Repeatable, and in any order: 13
 * before 12 is fine (T5), as what stands on a node never goes back to a lower generation anyway.
 */
import type { Published } from './entry.js';
import { generationKey } from './keys.js';
import { lookup, withKey, withoutKey } from './record.js';
import type { State } from './state.js';
import { done, type Step } from './step.js';

export function published(state: State, { group, generation, node }: Published): Step {
  const key = generationKey(group, generation);
  const waiting = lookup(state.pending, key);
  if (waiting === undefined) return done(state);
  const nodes = waiting.nodes.filter((other) => other !== node);
  const pending =
    nodes.length === 0 ? withoutKey(state.pending, key) : withKey(state.pending, key, { ...waiting, nodes });
  return done({ ...state, pending });
}

/** Holds: a person's tags on a generation; while it has one it is not retired. PURE. */
import type { AddHold, ReleaseHold } from './entry.js';
import { generationKey } from './keys.js';
import { badName, generationNotFound, groupNotFound } from './refusals.js';
import { isName } from './names.js';
import { heldTags, isLive } from './queries.js';
import { lookup, sortedUnique, withKey, withoutKey } from './record.js';
import type { State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';

/** Adding a tag that is there is no error. */
export function addHold(state: State, operation: AddHold): Step {
  const { group, generation, tag } = operation;
  if (!isName(tag)) return refused(state, badName('hold tag', tag));
  const problem = liveProblem(state, group, generation);
  if (problem !== null) return refused(state, problem);
  const tags = sortedUnique([...heldTags(state, group, generation), tag]);
  return done({ ...state, holds: withKey(state.holds, generationKey(group, generation), tags) });
}

export function releaseHold(state: State, { group, generation, tag }: ReleaseHold): Step {
  const problem = liveProblem(state, group, generation);
  if (problem !== null) return refused(state, problem);
  const key = generationKey(group, generation);
  const tags = heldTags(state, group, generation);
  const left = tags.filter((other) => other !== tag);
  if (left.length === tags.length) {
    const message = `Generation ${key} has no hold ${tag}: see \`snapcommit hold list ${key}\`.`;
    return refused(state, refusal('HOLD_NOT_FOUND', message, { group, generation, tag }));
  }
  return done({ ...state, holds: left.length === 0 ? withoutKey(state.holds, key) : withKey(state.holds, key, left) });
}

/** GROUP_NOT_FOUND or GENERATION_NOT_FOUND unless that generation is live. */
export function liveProblem(state: State, group: string, generation: number): Refusal | null {
  if (lookup(state.groups, group) === undefined) return groupNotFound(group);
  return isLive(state, group, generation) ? null : generationNotFound(group, generation);
}

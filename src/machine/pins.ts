/**
 * Pins: a process's word that it is using a generation, chosen before the use begins (T13). PURE. A pin whose process
 * is dead is told by its holder's identity and released by recovery.
 */
import type { AddPin, ReleasePin } from './entry.js';
import { generationKey } from './keys.js';
import { liveProblem } from './holds.js';
import { isToken } from './names.js';
import { lookup, withKey, withoutKey } from './record.js';
import type { State } from './state.js';
import { done, refusal, refused, type Step } from './step.js';

export function addPin(state: State, { pin, group, generation, holder }: AddPin): Step {
  if (!isToken(pin)) return refused(state, refusal('USAGE', `${JSON.stringify(pin)} is no valid pin id.`, { pin }));
  const taken = lookup(state.pins, pin);
  if (taken !== undefined) {
    const message = `There is a pin ${pin} already, on ${generationKey(taken.group, taken.generation)}: make a new id for each use.`;
    return refused(state, refusal('EXISTS', message, { pin, group: taken.group, generation: taken.generation }));
  }
  const problem = liveProblem(state, group, generation);
  if (problem !== null) return refused(state, problem);
  return done({ ...state, pins: withKey(state.pins, pin, { group, generation, holder }) });
}

export function releasePin(state: State, { pin }: ReleasePin): Step {
  if (lookup(state.pins, pin) === undefined) {
    const message = `There is no pin ${pin}: it was released before, so nothing is left to do.`;
    return refused(state, refusal('PIN_NOT_FOUND', message, { pin }));
  }
  return done({ ...state, pins: withoutKey(state.pins, pin) });
}

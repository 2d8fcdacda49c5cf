/** Which of two rounds is meant. PURE. */
import type { RoundName } from '../ports/participant.js';
import { isSameEpoch } from './epoch.js';

export function isSameRound(a: RoundName, b: RoundName): boolean {
  return a.round === b.round && isSameEpoch(a.epoch, b.epoch);
}

export function isLater(a: RoundName, b: RoundName): boolean {
  if (a.epoch.incarnation !== b.epoch.incarnation) return a.epoch.incarnation > b.epoch.incarnation;
  return a.epoch.slot === b.epoch.slot ? a.round > b.round : a.epoch.slot > b.epoch.slot;
}

/** What a majority has accepted. PURE. */
import { quorumSize, type Configuration } from './configuration.js';
import { slot, type Slot } from './contiguous-log.js';
import type { Leading } from './state.js';

/**
 * The highest slot that a majority of voters holds under the leader's own ballot. Acceptances under earlier ballots do
 * not count, however many replicas hold the entry (P5): `accepted` is what a voter said under this one.
 */
export function chosenThrough(leading: Leading, configuration: Configuration): Slot {
  const held = configuration.voters.map((voter) => leading.members.get(voter)?.accepted ?? 0);
  held.sort((a, b) => b - a);
  return slot(held[quorumSize(configuration) - 1] ?? 0);
}

/**
 * `published`: a node says that its volumes of one generation stand. PURE. Repeatable, and in any order: 13 before 12 is
 * fine (T5), as what stands on a node never goes back to a lower generation anyway.
 *
 * Who is waited for follows the volumes: a disk that moves before its volume is published takes the duty with it.
 */
import type { Published } from './entry.js';
import { generationKey } from './keys.js';
import { nodeOf, volumesOn } from './queries.js';
import { lookup, mapRecord, sortedUnique, withKey, withoutKey } from './record.js';
import type { PendingPublish, State } from './state.js';
import { done, type Step } from './step.js';

export function published(state: State, { group, generation, node, volumes }: Published): Step {
  const key = generationKey(group, generation);
  const waiting = lookup(state.pending, key);
  if (waiting === undefined || !saysAll(state, waiting, node, volumes)) return done(state);
  const left = withoutNode(waiting, node);
  const pending = left === undefined ? withoutKey(state.pending, key) : withKey(state.pending, key, left);
  return done({ ...state, pending });
}

/** What `state.pending` is after `volume` was forfeited, which `state` shows already. */
export function withoutForfeited(state: State, volume: string): State['pending'] {
  return mapRecord(state.pending, (publish) => {
    const member = publish.record.manifest.volumes.find((one) => one.volume === volume);
    return member === undefined ? publish : withoutIdle(state, publish, nodeOf(state, member));
  });
}

/** What `state.pending` is after `volume` went from node `from` to where `state` shows it already. */
export function withMoved(state: State, volume: string, from: string): State['pending'] {
  return mapRecord(state.pending, (publish) => {
    const member = publish.record.manifest.volumes.find((one) => one.volume === volume);
    if (member === undefined || !publish.nodes.includes(from)) return publish;
    const nodes = sortedUnique([...publish.nodes, nodeOf(state, member)]);
    return withoutIdle(state, { ...publish, nodes }, from);
  });
}

/** It began before a volume came to that node, or with what it had when it was asked. */
function saysAll(state: State, waiting: PendingPublish, node: string, said: readonly string[] | null): boolean {
  return said === null || volumesOn(state, node, waiting.record.manifest).every(({ volume }) => said.includes(volume));
}

/** A node goes on being waited for while it has a volume of that generation that is not lost. */
function withoutIdle(state: State, publish: PendingPublish, node: string): PendingPublish | undefined {
  return volumesOn(state, node, publish.record.manifest).length > 0 ? publish : withoutNode(publish, node);
}

function withoutNode(publish: PendingPublish, node: string): PendingPublish | undefined {
  const nodes = publish.nodes.filter((other) => other !== node);
  return nodes.length === 0 ? undefined : { ...publish, nodes };
}

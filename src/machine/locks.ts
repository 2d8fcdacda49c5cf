/**
 * What stands in a transaction's way: another one's volumes and freeze targets (G6, T10), and swaps that a node has
 * not published yet (T1). PURE.
 */
import type { Begin } from './entry.js';
import { generationKey } from './keys.js';
import { overlaps } from './paths.js';
import { nodeOf, openTransactions, pendingOf } from './queries.js';
import type { OpenTransaction, State } from './state.js';
import { refusal, type Refusal } from './step.js';

/** BUSY when another open transaction, of any group, holds one of these volumes or freeze targets. */
export function lockProblem(state: State, begin: Begin): Refusal | null {
  for (const other of openTransactions(state)) {
    const shared = sharedVolume(begin, other) ?? sharedTarget(begin, other);
    if (shared !== null) return lockedBy(other, shared);
  }
  return null;
}

/**
 * BUSY while a member's swap is committed and not yet published: its live tree is still the old one there, while the
 * other volumes' may be the new ones already.
 */
export function swapProblem(state: State, begin: Begin): Refusal | null {
  for (const { volume } of begin.members) {
    for (const { record } of pendingOf(state, volume)) {
      const member = record.manifest.volumes.find((candidate) => candidate.volume === volume);
      if (member === undefined || member.swap === null) continue;
      const { group, generation } = record;
      const key = generationKey(group, generation);
      const node = nodeOf(state, member);
      const message = `Volume ${volume} still awaits the swap of ${key} on node ${node}: run \`snapcommit recover\` there.`;
      return refusal('BUSY', message, { volume, node, group, generation });
    }
  }
  return null;
}

interface Shared {
  readonly kind: 'volume' | 'freezeTarget';
  readonly name: string;
}

function sharedVolume(begin: Begin, other: OpenTransaction): Shared | null {
  const taken = new Set(other.begin.members.map((member) => member.volume));
  const shared = begin.members.find((member) => taken.has(member.volume));
  return shared === undefined ? null : { kind: 'volume', name: shared.volume };
}

/** Freezing a cgroup freezes all below it, so an ancestor is as good as the same. */
function sharedTarget(begin: Begin, other: OpenTransaction): Shared | null {
  const shared = begin.freezeTargets.find((target) =>
    other.begin.freezeTargets.some((taken) => targetsOverlap(target, taken)),
  );
  return shared === undefined ? null : { kind: 'freezeTarget', name: shared };
}

function targetsOverlap(a: string, b: string): boolean {
  const [nodeA, pathA] = splitTarget(a);
  const [nodeB, pathB] = splitTarget(b);
  return nodeA === nodeB && overlaps(pathA, pathB);
}

/** `node:/cgroup/path`; a node's name holds no colon. A slash at the end says nothing. */
function splitTarget(target: string): readonly [node: string, path: string] {
  const colon = target.indexOf(':');
  const path = target.slice(colon + 1);
  return [target.slice(0, colon), path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path];
}

function lockedBy(other: OpenTransaction, shared: Shared): Refusal {
  const { transaction, group } = other.begin;
  const { node } = other.coordinator;
  const what = shared.kind === 'volume' ? 'Volume' : 'Freeze target';
  const message = `${what} ${shared.name} is taken by transaction ${transaction} of group ${group}, driven from node ${node}: wait until it ends, or run \`snapcommit recover\`.`;
  return refusal('BUSY', message, { transaction, group, node, [shared.kind]: shared.name });
}

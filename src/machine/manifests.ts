/** Whether a manifest is what its transaction began for (G8, T6). PURE. */
import type { Begin, Manifest, ManifestVolume, Member } from './entry.js';
import { compareText, sortedUnique } from './record.js';
import { refusal, type Refusal } from './step.js';

/** CONFLICT unless it holds exactly the volumes of `begin`, each as it was declared. */
export function manifestProblem(begin: Begin, manifest: Manifest): Refusal | null {
  const declared = begin.members.map((member) => member.volume).sort(compareText);
  const staged = manifest.volumes.map((volume) => volume.volume).sort(compareText);
  if (staged.length !== declared.length || staged.some((volume, i) => volume !== declared[i])) {
    const message = `The manifest of transaction ${begin.transaction} holds ${staged.join(', ')}, but it began with ${declared.join(', ')}: abort it and run the command again.`;
    return refusal('CONFLICT', message, { transaction: begin.transaction, declared, staged });
  }
  for (const volume of manifest.volumes) {
    const member = begin.members.find((candidate) => candidate.volume === volume.volume);
    const difference = member === undefined ? 'was not declared' : differenceFrom(begin, member, volume);
    if (difference === null) continue;
    const message = `Volume ${volume.volume} of transaction ${begin.transaction} ${difference}: abort it and run the command again.`;
    return refusal('CONFLICT', message, { transaction: begin.transaction, volume: volume.volume });
  }
  return null;
}

/** Every node that has volumes in it, sorted. */
export function nodesOf(manifest: Manifest): readonly string[] {
  return sortedUnique(manifest.volumes.map((volume) => volume.node));
}

function differenceFrom(begin: Begin, member: Member, volume: ManifestVolume): string | null {
  if (volume.node !== member.node) return `was staged on node ${volume.node} instead of ${member.node}`;
  if (volume.driver !== member.driver) return `was staged by driver ${volume.driver} instead of ${member.driver}`;
  if (volume.swap === null) return begin.mode === 'capture' ? null : 'has nothing to swap';
  if (begin.mode === 'capture') return 'would be swapped by a capture';
  if (member.base !== null && member.base !== volume.swap.base) return 'has another live tree than when it began';
  return null;
}

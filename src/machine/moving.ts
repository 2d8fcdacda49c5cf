/**
 * `moveVolume`: a volume's disk stands in another node now, or elsewhere on its own, and its record follows. PURE. That it
 * is the same disk is proven by the filesystem's identity, which the node has read there. Generations, pins and holds stay
 * as they are: snapshots travel with their disk, and where they are is always asked of the volume's record.
 */
import { arrivalProblem } from './draining.js';
import type { MoveVolume, VolumeRecord } from './entry.js';
import { withMoved } from './publishing.js';
import { nodeNotFound, volumeNotFound } from './refusals.js';
import { lookup, withKey } from './record.js';
import type { State } from './state.js';
import { done, refusal, refused, type Refusal, type Step } from './step.js';
import { heldByTransaction, overlappingVolume, recordProblem } from './volumes.js';

/** Moving to where it is already changes nothing. */
export function moveVolume(state: State, operation: MoveVolume): Step {
  const { volume, node, source, publishDirectory, filesystem } = operation;
  const found = lookup(state.volumes, volume);
  if (found === undefined) return refused(state, volumeNotFound(volume));
  if (found.forfeited) return refused(state, forfeited(volume));
  const moved: VolumeRecord = { ...found.record, node, source, publishDirectory };
  const problem =
    filesystemProblem(found.record, filesystem) ??
    placeProblem(state, found.record, moved) ??
    heldByTransaction(state, volume) ??
    recordProblem(moved) ??
    overlappingVolume(state, moved);
  if (problem !== null) return refused(state, problem);
  const next: State = { ...state, volumes: withKey(state.volumes, volume, { ...found, record: moved }) };
  return done({ ...next, pending: withMoved(next, volume, found.record.node) });
}

function forfeited(volume: string): Refusal {
  const message = `Volume ${volume} was forfeited, and its generations count as incomplete for good: add the disk as a volume of another name.`;
  return refusal('VOLUME_NOT_FOUND', message, { volume, forfeited: true });
}

/** What stands against another filesystem than the volume's own. */
export function filesystemProblem(record: VolumeRecord, filesystem: string): Refusal | null {
  if (record.filesystem === filesystem) return null;
  const { name } = record;
  const message = `Volume ${name} is on filesystem ${record.filesystem}, and what was found is ${filesystem}: that is another disk. Mount the volume's own one; if it is lost, run \`snapcommit volume forfeit ${name}\`.`;
  return refusal('SOURCE_INVALID', message, { volume: name, filesystem: record.filesystem, found: filesystem });
}

function placeProblem(state: State, record: VolumeRecord, { name, node }: VolumeRecord): Refusal | null {
  if (node === record.node) return null;
  if (lookup(state.members, node) === undefined) return nodeNotFound(node);
  return arrivalProblem(state, node, name);
}

/** Reading a state: everything that more than one place wants to know of it. PURE; changes nothing. */
import type { Manifest, ManifestVolume, TransactionId, VolumeRecord } from './entry.js';
import { generationKey } from './keys.js';
import { compareText, lookup } from './record.js';
import { expandRuns, hasNumber, lastOfRuns, subtractRuns } from './runs.js';
import type { GroupState, OpenTransaction, PendingPublish, Pin, State } from './state.js';

export interface NamedPin extends Pin {
  readonly pin: string;
}

/** Whether that generation is committed and not retired. */
export function isLive(state: State, group: string, generation: number): boolean {
  const found = lookup(state.groups, group);
  return found !== undefined && hasNumber(found.live, generation);
}

/** Whether that generation is live and lost a volume. */
export function isIncomplete(state: State, group: string, generation: number): boolean {
  const found = lookup(state.groups, group);
  return found !== undefined && hasNumber(found.incomplete, generation);
}

/** The group's current generation: the newest live one that lost no volume; 0 for none. */
export function newestComplete(group: GroupState): number {
  return lastOfRuns(subtractRuns(group.live, group.incomplete));
}

/** Every live generation, incomplete ones too, ascending. */
export function liveGenerations(group: GroupState): readonly number[] {
  return expandRuns(group.live);
}

/** Whether every node has published it; of a generation that is live. */
export function generationState(state: State, group: string, generation: number): 'committed' | 'published' {
  return lookup(state.pending, generationKey(group, generation)) === undefined ? 'published' : 'committed';
}

/** All pending publishes, by group and generation. */
export function allPending(state: State): readonly PendingPublish[] {
  return Object.values(state.pending).sort(
    (a, b) => compareText(a.record.group, b.record.group) || a.record.generation - b.record.generation,
  );
}

/** The generations that this volume's node still has to publish, and that hold this volume. */
export function pendingOf(state: State, volume: string): readonly PendingPublish[] {
  return allPending(state).filter(({ record, nodes }) =>
    record.manifest.volumes.some((member) => member.volume === volume && nodes.includes(nodeOf(state, member))),
  );
}

/** Where a generation's volume is now. A manifest says where it was staged, and its disk may have been moved since. */
export function nodeOf(state: State, member: ManifestVolume): string {
  return lookup(state.volumes, member.volume)?.record.node ?? member.node;
}

/** A generation's volumes that are on `node` now and not lost. */
export function volumesOn(state: State, node: string, { volumes }: Manifest): readonly ManifestVolume[] {
  return volumes.filter((member) => isOn(state, node, member));
}

/** Whether that volume of a generation is on `node` now and not lost. */
export function isOn(state: State, node: string, member: ManifestVolume): boolean {
  return nodeOf(state, member) === node && lookup(state.volumes, member.volume)?.forfeited === false;
}

/** Whether `node` has published that generation, which is live: its snapshots there have their published names. */
export function isPublishedOn(state: State, node: string, group: string, generation: number): boolean {
  return lookup(state.pending, generationKey(group, generation))?.nodes.includes(node) !== true;
}

/** The group's open transaction; there is never more than one, since they would share a volume. */
export function openTransactionOf(state: State, group: string): OpenTransaction | undefined {
  return openTransactions(state).find((open) => open.begin.group === group);
}

/** Oldest first. */
export function openTransactions(state: State): readonly OpenTransaction[] {
  return Object.values(state.open).sort((a, b) => a.beganSlot - b.beganSlot);
}

/** The open transaction that has this volume as a member. */
export function holderOfVolume(state: State, volume: string): OpenTransaction | undefined {
  return openTransactions(state).find((open) => open.begin.members.some((member) => member.volume === volume));
}

/** How that transaction was decided; undefined when it is open, unknown or forgotten. */
export function finishedTransaction(state: State, transaction: TransactionId): State['finished'][number] | undefined {
  return state.finished.find((finished) => finished.transaction === transaction);
}

/** The volume whose live tree stands at `source` on that node. */
export function volumeAt(state: State, node: string, source: string): VolumeRecord | undefined {
  const found = Object.values(state.volumes).find(
    ({ record, forfeited }) => !forfeited && record.node === node && record.source === source,
  );
  return found?.record;
}

/** Groups that have this volume, by name. */
export function groupsWithVolume(state: State, volume: string): readonly string[] {
  return Object.values(state.groups)
    .filter((group) => group.record.volumes.includes(volume))
    .map((group) => group.record.name)
    .sort(compareText);
}

/** Sorted. */
export function heldTags(state: State, group: string, generation: number): readonly string[] {
  return lookup(state.holds, generationKey(group, generation)) ?? [];
}

/** By pin id. */
export function allPins(state: State): readonly NamedPin[] {
  return Object.entries(state.pins)
    .map(([pin, value]) => ({ ...value, pin }))
    .sort((a, b) => compareText(a.pin, b.pin));
}

/**
 * The state that a rebuilt log begins with. PURE. Its slot is above every slot that any stamp or generation names, its
 * incarnation above every one and of this time: what the lost log has left anywhere is older than everything that this one will do (T17).
 */
import { chainArchive, digestOf } from '../../machine/digest.js';
import type { Slot } from '../../machine/entry.js';
import { generationKey } from '../../machine/keys.js';
import { nodeOf } from '../../machine/queries.js';
import { lookup, mapRecord, sortedUnique } from '../../machine/record.js';
import { hasNumber, intersectRuns, runsOf, type Runs } from '../../machine/runs.js';
import { emptyState, FINISHED_KEPT } from '../../machine/state.js';
import type { FinishedTransaction, GenerationRecord, GroupState, State, VolumeState } from '../../machine/state.js';
import { nextIncarnation } from '../incarnation.js';
import type { FoundVolume, Judged, JudgedGroup, LogExport } from './found.js';

export interface Rebuilt {
  readonly state: State;
  /** What goes into the archive: every live generation. */
  readonly generations: readonly GenerationRecord[];
}

export function rebuildState(
  volumes: readonly FoundVolume[],
  judged: Judged,
  exported: LogExport | null,
  node: string,
  nowMs: number,
): Rebuilt {
  const taken = judged.groups.flatMap((group) => takenOf(group, exported));
  const generations = taken.map(({ record }) => record);
  const stamps = volumes.map(({ stamp }) => stamp);
  const before = exported?.state ?? emptyState(0);
  const incarnation = nextIncarnation(
    [
      before.incarnation,
      ...stamps.map((stamp) => stamp.incarnation),
      ...generations.map(({ epoch }) => epoch.incarnation),
    ],
    nowMs,
    node,
  );
  const slots = [before.applied, ...stamps.map(({ slot }) => slot), ...generations.map(({ slot }) => slot)];
  const applied = (1 + Math.max(...slots)) as Slot;
  const live = new Set(generations.map(({ group, generation }) => generationKey(group, generation)));
  const placed = {
    ...emptyState(incarnation),
    volumes: { ...before.volumes, ...Object.fromEntries(volumes.map(volumeState)) },
  };
  const state: State = {
    ...placed,
    applied,
    clock: Math.max(before.clock, 0, ...generations.map(({ committedAt }) => committedAt)),
    groups: Object.fromEntries(
      judged.groups.flatMap((group) => {
        const made = groupState(group, exported);
        return made === null ? [] : [[group.name, made]];
      }),
    ),
    retiredNewest: retiredNewest(judged, before),
    finished: finishedOf(generations, before),
    pending: Object.fromEntries(
      taken
        .filter(({ verdict }) => verdict.kind === 'pending')
        .map(({ record }) => {
          const others = lookup(before.pending, generationKey(record.group, record.generation))?.nodes ?? [];
          const here = record.manifest.volumes.map((member) => nodeOf(placed, member)).filter((one) => one === node);
          return [
            generationKey(record.group, record.generation),
            { record, nodes: sortedUnique([...others, ...here]) },
          ];
        }),
    ),
    holds: mapRecord(before.holds, (tags, key) => (live.has(key) ? tags : undefined)),
    appends: { forgotten: applied, clients: {} },
    archiveDigest: generations.reduce((digest, record) => chainArchive(digest, { kind: 'put', record }), ''),
  };
  return { state, generations };
}

/** Generations enter only with their group: without a usable volume it has none. */
function takenOf(group: JudgedGroup, exported: LogExport | null): JudgedGroup['generations'] {
  if (groupState(group, exported) === null) return [];
  return group.generations.filter(({ verdict }) => verdict.kind !== 'incomplete');
}

function volumeState({ record }: FoundVolume): readonly [string, VolumeState] {
  return [record.name, { record, forfeited: false }];
}

function groupState(group: JudgedGroup, exported: LogExport | null): GroupState | null {
  const { definition, newest } = group;
  if (definition === null) return null;
  const kept = group.generations.filter(({ verdict }) => verdict.kind !== 'incomplete').map(({ record }) => record);
  const live = runsOf(kept.map(({ generation }) => generation));
  const contents: Record<string, Runs> = {};
  for (const volume of sortedUnique(kept.flatMap(({ manifest }) => manifest.volumes.map((member) => member.volume)))) {
    const holding = kept.filter(({ manifest }) => manifest.volumes.some((member) => member.volume === volume));
    contents[volume] = runsOf(holding.map(({ generation }) => generation));
  }
  const incomplete = intersectRuns(lookup(exported?.state.groups ?? {}, group.name)?.incomplete ?? [], live);
  return { record: definition, newest, live, incomplete, contents };
}

/** Numbers that must not come again, of groups that are not there any more. */
function retiredNewest({ groups }: Judged, before: State): State['retiredNewest'] {
  const gone = groups.filter(({ definition, newest }) => definition === null && newest > 0);
  const named = new Set(groups.filter(({ definition }) => definition !== null).map(({ name }) => name));
  const kept = mapRecord(before.retiredNewest, (newest, name) => (named.has(name) ? undefined : newest));
  return { ...kept, ...Object.fromEntries(gone.map(({ name, newest }) => [name, newest])) };
}

/** `transaction show` still knows who made what stands. */
function finishedOf(generations: readonly GenerationRecord[], before: State): State['finished'] {
  const known = before.finished.filter(({ decision }) => decision.kind === 'aborted');
  const committed = generations.map(
    ({ transaction, group, mode, epoch, slot, generation, manifest }): FinishedTransaction => ({
      transaction,
      group,
      mode,
      epoch,
      decidedSlot: slot,
      decision: { kind: 'committed', generation },
      manifestDigest: digestOf(manifest),
    }),
  );
  return [...known, ...committed].sort((a, b) => a.decidedSlot - b.decidedSlot).slice(-FINISHED_KEPT);
}

/** The newest generation of a group that is whole and published: what its view shows. */
export function newestPublished({ state, generations }: Rebuilt, group: string): GenerationRecord | undefined {
  return generations.findLast(
    (record) =>
      record.group === group &&
      lookup(state.pending, generationKey(group, record.generation)) === undefined &&
      !hasNumber(lookup(state.groups, group)?.incomplete ?? [], record.generation),
  );
}

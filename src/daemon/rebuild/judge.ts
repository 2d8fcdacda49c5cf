/**
 * Which generations a rebuilt log may claim. PURE. A manifest stands in a publish directory only after its commit was
 * chosen, so one manifest proves the commit; the generation is taken when every manifest of it says the same and each
 * volume's snapshot stands there with the identity that was committed, published or still staged.
 */
import type { GroupRecord, ManifestVolume } from '../../machine/entry.js';
import { canonicalJson } from '../../machine/digest.js';
import { generationKey } from '../../machine/keys.js';
import { compareText, lookup, sortedUnique } from '../../machine/record.js';
import { hasNumber, lastOfRuns } from '../../machine/runs.js';
import type { GenerationRecord } from '../../machine/state.js';
import { parsePublished, parseStaged, publishedName } from '../../participant/names.js';
import type { FoundVolume, GenerationVerdict, Judged, JudgedGroup, LogExport } from './found.js';

/** What a group is given whose definition nothing tells. */
const STALL_LIMIT_MS = 5000;

export function judge(volumes: readonly FoundVolume[], exported: LogExport | null): Judged {
  const names = sortedUnique([
    ...volumes.flatMap(({ manifests, listed }) => [
      ...manifests.map(({ record }) => record.group),
      ...listed.flatMap(({ name }) => parsePublished(name)?.group ?? parseStaged(name)?.group ?? []),
    ]),
    ...Object.keys(exported?.state.groups ?? {}),
  ]);
  const groups = names.map((name) => judgeGroup(name, volumes, exported));
  return { groups, losses: [...lossesOf(volumes), ...groups.flatMap((group) => groupLosses(group, volumes))] };
}

function judgeGroup(name: string, volumes: readonly FoundVolume[], exported: LogExport | null): JudgedGroup {
  const manifests = volumes.flatMap((volume) => volume.manifests.filter(({ record }) => record.group === name));
  const known = (exported?.generations ?? []).filter(({ group }) => group === name);
  const records = new Map<number, readonly GenerationRecord[]>();
  for (const record of [...manifests.map((manifest) => manifest.record), ...known]) {
    records.set(record.generation, [...(records.get(record.generation) ?? []), record]);
  }
  const generations = [...records]
    .sort(([a], [b]) => a - b)
    .flatMap(([, [record, ...others]]) =>
      record === undefined ? [] : [{ record, verdict: verdictOf(record, others, volumes, exported) }],
    );
  const numbers = volumes.flatMap(({ listed }) => listed.flatMap((entry) => numberOf(entry.name, name)));
  const before = exported === null ? undefined : lookup(exported.state.groups, name);
  const retired = exported === null ? 0 : (lookup(exported.state.retiredNewest, name) ?? 0);
  const highest = Math.max(
    0,
    retired,
    before?.newest ?? 0,
    lastOfRuns(before?.live ?? []),
    ...numbers,
    ...records.keys(),
  );
  const unproven = unprovenTransactions(
    name,
    volumes,
    generations.map(({ record }) => record.transaction),
  );
  const newestDefinition = manifests
    .toSorted((a, b) => b.record.slot - a.record.slot)
    .find(({ definition }) => definition !== null)?.definition;
  const definition = before?.record ?? newestDefinition ?? guess(name, generations.at(-1)?.record);
  const present = definition === null ? [] : definition.volumes.filter((volume) => isUsable(volume, volumes, exported));
  return {
    name,
    definition: definition === null || present.length === 0 ? null : { ...definition, volumes: present },
    generations,
    // A staged snapshot may be of a commit that was answered: its number is skipped, as nobody can know.
    newest: highest + unproven.length,
  };
}

function verdictOf(
  record: GenerationRecord,
  others: readonly GenerationRecord[],
  volumes: readonly FoundVolume[],
  exported: LogExport | null,
): GenerationVerdict {
  const said = canonicalJson(record);
  if (others.some((other) => canonicalJson(other) !== said)) {
    return { kind: 'incomplete', reasons: ['the manifests of its volumes do not agree'] };
  }
  const states = record.manifest.volumes.map((member) => stateOf(record, member, volumes, exported));
  const reasons = states.flatMap((state) => (state.startsWith('!') ? [state.slice(1)] : []));
  if (reasons.length > 0) return { kind: 'incomplete', reasons };
  return { kind: states.includes('staged') ? 'pending' : 'complete' };
}

/** `published`, `staged`, or after a `!` what is wrong. */
function stateOf(
  record: GenerationRecord,
  member: ManifestVolume,
  volumes: readonly FoundVolume[],
  exported: LogExport | null,
): string {
  const { volume, node, id, staged } = member;
  const found = volumes.find((candidate) => candidate.record.name === volume);
  if (found === undefined) {
    const elsewhere = exported === null ? undefined : lookup(exported.state.volumes, volume);
    if (elsewhere !== undefined && isLiveIn(record, exported)) return 'published';
    return `!the publish directory of volume ${volume} (node ${node}) is not among those named`;
  }
  const published = found.listed.find(({ name }) => name === publishedName(record.group, record.generation));
  if (published?.id === id) return 'published';
  const place = found.record.publishDirectory;
  if (published !== undefined) return `!${place}/${published.name} is not the snapshot that was committed`;
  if (found.listed.some((entry) => entry.name === staged && entry.id === id)) return 'staged';
  return `!the snapshot of volume ${volume} is not in ${place}`;
}

function isLiveIn({ group, generation }: GenerationRecord, exported: LogExport | null): boolean {
  return hasNumber(lookup(exported?.state.groups ?? {}, group)?.live ?? [], generation);
}

/** A volume that may be in a group: found here, or of another node and not forfeited. */
function isUsable(volume: string, volumes: readonly FoundVolume[], exported: LogExport | null): boolean {
  if (volumes.some(({ record }) => record.name === volume)) return true;
  return lookup(exported?.state.volumes ?? {}, volume)?.forfeited === false;
}

function guess(name: string, newest: GenerationRecord | undefined): GroupRecord | null {
  if (newest === undefined) return null;
  const volumes = sortedUnique(newest.manifest.volumes.map(({ volume }) => volume));
  const none: readonly string[] = [];
  return {
    name,
    volumes,
    freezeCgroups: none,
    freezeUnits: none,
    stopUnits: none,
    require: null,
    stallLimitMs: STALL_LIMIT_MS,
    preHooks: none,
    postHooks: none,
  };
}

/** The generation that a name in a publish directory is of, also under the name that an earlier rebuild gave it. */
function numberOf(name: string, group: string): readonly number[] {
  const parsed = parsePublished(name.replace(/\.incomplete(?=$|\.)/, ''));
  return parsed?.group === group ? [parsed.generation] : [];
}

/** Transactions of the group that staged something here and of which no manifest is known: perhaps committed. */
function unprovenTransactions(
  group: string,
  volumes: readonly FoundVolume[],
  proven: readonly string[],
): readonly string[] {
  const staged = volumes.flatMap(({ listed }) => listed.map(({ name }) => parseStaged(name)));
  const found = staged.flatMap((name) => (name?.group === group ? [name.transaction] : []));
  return sortedUnique(found).filter((transaction) => !proven.includes(transaction));
}

function lossesOf(volumes: readonly FoundVolume[]): readonly string[] {
  return volumes.toSorted((a, b) => compareText(a.record.name, b.record.name)).flatMap(({ damaged }) => damaged);
}

function groupLosses(group: JudgedGroup, volumes: readonly FoundVolume[]): readonly string[] {
  const incomplete = group.generations.flatMap(({ record, verdict }) =>
    verdict.kind === 'incomplete'
      ? [`${generationKey(record.group, record.generation)} is not taken: ${verdict.reasons.join('; ')}`]
      : [],
  );
  const proven = group.generations.map(({ record }) => record.transaction);
  const unproven = unprovenTransactions(group.name, volumes, proven).map(
    (transaction) =>
      `transaction ${transaction} of group ${group.name} has staged snapshots, and nothing says whether it was committed: they are left where they are`,
  );
  const gone = group.definition === null ? [`group ${group.name} cannot be made: none of its volumes is known`] : [];
  return [...incomplete, ...unproven, ...gone];
}

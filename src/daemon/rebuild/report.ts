/** What a rebuild found, and what it cannot give back: for people before they consent, and for programs. PURE. */
import { isLive } from '../../machine/queries.js';
import type { RebuildReport } from '../reports.js';
import type { FoundVolume, Judged, LogExport } from './found.js';
import type { Rebuilt } from './state.js';

export interface RebuildIdentity {
  readonly stateDirectory: string;
  readonly cluster: string;
  readonly node: string;
}

/** `done`: the log was made; otherwise nothing was changed. */
export function rebuildReport(
  identity: RebuildIdentity,
  volumes: readonly FoundVolume[],
  judged: Judged,
  rebuilt: Rebuilt,
  exported: LogExport | null,
  done: boolean,
): RebuildReport {
  const { state } = rebuilt;
  return {
    ...identity,
    incarnation: state.incarnation,
    slot: state.applied,
    done,
    volumes: volumes.map(({ record }) => ({
      volume: record.name,
      driver: record.driver,
      source: record.source,
      publishDirectory: record.publishDirectory,
    })),
    groups: judged.groups.map((group) => ({
      group: group.name,
      newest: group.newest,
      settings: settingsOf(group.name, volumes, exported),
      generations: group.generations.map(({ record: { generation }, verdict }) => ({
        generation,
        state: verdict.kind,
        taken: isLive(state, group.name, generation),
        reasons: verdict.kind === 'incomplete' ? verdict.reasons : [],
      })),
    })),
    losses: [...judged.losses, ...generalLosses(exported)],
  };
}

function settingsOf(
  group: string,
  volumes: readonly FoundVolume[],
  exported: LogExport | null,
): RebuildReport['groups'][number]['settings'] {
  if (exported !== null && Object.hasOwn(exported.state.groups, group)) return 'export';
  const manifests = volumes.flatMap((volume) => volume.manifests.filter(({ record }) => record.group === group));
  return manifests.some(({ definition }) => definition !== null) ? 'manifest' : 'unknown';
}

function generalLosses(exported: LogExport | null): readonly string[] {
  const alive =
    'whether the lost log still lives somewhere cannot be known from here: if it does, it is shut out of these volumes ' +
    'from now on, and what it has committed elsewhere is not in this log';
  const recent = 'a generation that was committed, and published on none of these volumes, is lost';
  const since =
    exported === null ? 'what changed in a group since its newest generation' : 'what changed since the export';
  const holds = exported === null ? 'every hold (hold again what prune must not take), ' : '';
  return [alive, recent, `${holds}every pin and request id, and ${since}, is lost`];
}

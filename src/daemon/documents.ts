/** From the log's records to the documents of reports.ts. */
import type { Plan } from '../coordinator/begin.js';
import { publishedPath } from '../coordinator/open.js';
import type { Grade } from '../machine/entry.js';
import {
  generationState,
  groupsWithVolume,
  heldTags,
  isIncomplete,
  newestComplete,
  nodeOf,
  openTransactionOf,
} from '../machine/queries.js';
import { lookup, type ReadonlyRecord } from '../machine/record.js';
import type {
  FinishedTransaction,
  GenerationRecord,
  GroupState,
  OpenTransaction,
  State,
  VolumeState,
} from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { replacedName } from '../participant/names.js';
import { pathHere } from '../participant/publish.js';
import type {
  DryRunReport,
  GenerationReport,
  GroupReport,
  HoldReport,
  OpenTransactionReport,
  RecoverReport,
  TransactionReport,
  VolumeReport,
} from './reports.js';
import type { NodeRecovery } from './recover-cluster.js';

/** RFC 3339, UTC. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

export async function generationReport(
  context: Context,
  state: State,
  record: GenerationRecord,
): Promise<GenerationReport> {
  const { group, generation } = record;
  return {
    group,
    generation,
    transaction: record.transaction,
    state: generationState(state, group, generation),
    slot: record.slot,
    committedAt: timeOf(record.committedAt),
    message: record.message,
    labels: record.labels,
    consistency: record.manifest.consistency,
    volumes: await volumesOf(context, state, record),
    incomplete: isIncomplete(state, group, generation),
    holds: heldTags(state, group, generation),
    mode: record.mode,
    sourceGeneration: record.sourceGeneration,
  };
}

async function volumesOf(
  context: Context,
  state: State,
  record: GenerationRecord,
): Promise<GenerationReport['volumes']> {
  const replaced = replacedName(record.group, record.generation);
  return Promise.all(
    record.manifest.volumes.map(async (volume) => ({
      volume: volume.volume,
      node: nodeOf(state, volume),
      driver: volume.driver,
      snapshot: { id: volume.id, path: await publishedPath(context, state, record, volume) },
      replaced: volume.swap === null ? null : await pathHere(context, state, volume.volume, replaced),
    })),
  );
}

/** What a transaction would do; `grade` is the best that it can earn. */
export function dryRunReport(plan: Plan, grade: Grade): DryRunReport {
  return {
    group: plan.begin.group,
    dryRun: true,
    reachableGrade: grade,
    freezes: plan.nodes.flatMap(({ participant: { node }, cgroups }) =>
      cgroups.map((cgroup) => (plan.nodes.length === 1 ? cgroup : `${node}:${cgroup}`)),
    ),
    volumes: plan.members.map(({ place, base }) => ({
      volume: place.name,
      source: place.source,
      driver: place.driver,
      liveId: base,
    })),
  };
}

/** In one order of fields, always: what comes from a checkpoint has another than what was just added. */
export function volumeReport(state: State, volume: VolumeState): VolumeReport {
  const { name, node, driver, source, publishDirectory, filesystem } = volume.record;
  const { forfeited } = volume;
  const groups = groupsWithVolume(state, name);
  return { name, node, driver, source, publishDirectory, filesystem, forfeited, groups };
}

/** All of them, by name. */
export function volumeReports(state: State): readonly VolumeReport[] {
  return sorted(state.volumes).map((volume) => volumeReport(state, volume));
}

export function groupReports(state: State): readonly GroupReport[] {
  return sorted(state.groups).map((group) => groupReport(state, group));
}

function sorted<T>(record: ReadonlyRecord<T>): readonly T[] {
  return Object.keys(record)
    .sort()
    .flatMap((name) => lookup(record, name) ?? []);
}

export function groupReport(state: State, group: GroupState): GroupReport {
  const open = openTransactionOf(state, group.record.name)?.begin.transaction ?? null;
  const { name, volumes, freezeCgroups, freezeUnits, stopUnits, require, stallLimitMs, preHooks, postHooks } =
    group.record;
  const record = { name, volumes, freezeCgroups, freezeUnits, stopUnits, require, stallLimitMs, preHooks, postHooks };
  return { ...record, generation: newestComplete(group), open };
}

/** The group's holds, oldest generation first. */
export function holdReports(state: State, { record }: GroupState): readonly HoldReport[] {
  const prefix = `${record.name}@`;
  return Object.entries(state.holds)
    .filter(([key]) => key.startsWith(prefix))
    .flatMap(([key, tags]) =>
      tags.map((tag) => ({ group: record.name, generation: Number(key.slice(prefix.length)), tag })),
    )
    .sort((a, b) => a.generation - b.generation);
}

/** Of a whole cluster: each step with its node. */
export function recoverReport(recoveries: readonly NodeRecovery[]): RecoverReport {
  return {
    actions: recoveries.flatMap(({ node, actions }) => actions.map((action) => ({ ...action, node }))),
    failures: recoveries.flatMap(({ node, failures }) =>
      failures.map(({ action, reason }) => ({ action: { ...action, node }, reason })),
    ),
  };
}

export function openReport(
  transaction: OpenTransaction,
  alive: boolean,
  seen: OpenTransactionReport | undefined,
): TransactionReport {
  const { begin, coordinator } = transaction;
  return {
    transaction: begin.transaction,
    group: begin.group,
    mode: begin.mode,
    state: 'open',
    generation: null,
    reason: null,
    coordinator: { node: coordinator.node, pid: coordinator.pid, alive },
    since: timeOf(transaction.beganAt),
    phase: seen?.phase ?? null,
    waitingFor: seen?.waitingFor ?? [],
  };
}

export function finishedReport(finished: FinishedTransaction): TransactionReport {
  const { transaction, group, mode, decision } = finished;
  const committed = decision.kind === 'committed';
  return {
    transaction,
    group,
    mode,
    state: decision.kind,
    generation: committed ? decision.generation : null,
    reason: committed ? null : decision.reason,
    coordinator: null,
    since: null,
    phase: null,
    waitingFor: [],
  };
}

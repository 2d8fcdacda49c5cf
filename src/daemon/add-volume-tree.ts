/**
 * `volume add --recursive`: a dataset and all that are below it become volumes, one entry of the log each. All is checked
 * before the first change; a failure in the middle leaves those that were added, and doing it again adds the rest.
 */
import { SnapcommitError } from '../errors.js';
import { groupsWithVolume } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import { enterVolume } from './add-volume.js';
import { volumeReport } from './documents.js';
import type { AddVolumeTreeRequest } from './node.js';
import { planVolumeTree, type PlannedVolume, type VolumeTreePlan } from './plan-volume-tree.js';
import type { VolumeTreeReport } from './reports.js';
import { shown } from './shown.js';

export async function addVolumeTree(context: Context, request: AddVolumeTreeRequest): Promise<VolumeTreeReport> {
  const plan = await planVolumeTree(context, request);
  if (request.dryRun) return report(plan, plan.state, true);
  const added: string[] = [];
  for (const volume of plan.volumes) await enter(context, plan, volume, added);
  const look = async (): Promise<VolumeTreeReport> => report(plan, await context.log.read(), false);
  return shown(`all volumes below ${request.name} are added`, 'volume list', look);
}

/** What its owner wants for children is on the dataset before the volume is in the log: it holds from its first commit on. */
async function enter(
  context: Context,
  { driver, nesting, state, volumes }: VolumeTreePlan,
  { record, present, include }: PlannedVolume,
  added: string[],
): Promise<void> {
  try {
    if (include) await nesting.include(record);
    if (present) return;
    await enterVolume(context, driver, state, record);
    added.push(record.name);
  } catch (error) {
    const missing = volumes.filter((volume) => !volume.present).length - added.length;
    throw interrupted(record.name, added, missing, error);
  }
}

function interrupted(name: string, added: readonly string[], missing: number, error: unknown): SnapcommitError {
  const cause = error instanceof SnapcommitError ? error.code : 'UNAVAILABLE';
  // What a status would say of a single volume, such as that nothing was begun, is not true of several (L6).
  const code = added.length === 0 ? cause : 'OUTCOME_UNKNOWN';
  const details = error instanceof SnapcommitError ? error.details : {};
  const done = added.length === 0 ? 'none was added yet' : `added are ${added.join(', ')}`;
  return new SnapcommitError(
    code,
    `volume ${name}: ${messageOf(error)} (${done}, ${String(missing)} to go: running the same command again adds what is missing)`,
    { ...details, volume: name, added },
    error,
  );
}

function report(plan: VolumeTreePlan, state: State, dryRun: boolean): VolumeTreeReport {
  const volumes = plan.volumes.map(({ record }) =>
    volumeReport(state, lookup(state.volumes, record.name) ?? { record, forfeited: false }),
  );
  const names = volumes.map(({ name }) => name);
  const groups = groupsWithVolume(state, names[0] ?? '').map((group) => {
    const has = lookup(state.groups, group)?.record.volumes ?? [];
    return { group, volumes: has, missing: names.filter((name) => !has.includes(name)) };
  });
  const added = plan.volumes.filter(({ present }) => !present).map(({ record }) => record.name);
  return { dryRun, added, volumes, containers: plan.containers, groups };
}

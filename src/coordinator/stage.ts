/**
 * Staging every volume of a round in parallel while the writers stand still. What can be done before is done by
 * `openStages`, what can wait by `closeStages`: between freeze and thaw there are the snapshot calls and nothing else.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Consistency, ManifestVolume } from '../machine/entry.js';
import type { Context } from '../participant/context.js';
import type { StageCall } from '../ports/volume-driver.js';
import type { Freeze } from '../ports/writers.js';
import type { Plan, PlannedMember } from './begin.js';

export interface Cut {
  readonly consistency: Consistency;
  readonly volumes: readonly ManifestVolume[];
}

export interface OpenStage {
  readonly member: PlannedMember;
  readonly staged: string;
  readonly call: StageCall;
}

/** Opens a stage call for every member, under this hidden name. All or none are open afterwards. */
export async function openStages(plan: Plan, staged: string): Promise<readonly OpenStage[]> {
  const opening = await Promise.allSettled(plan.members.map(async (member) => openStage(member, staged)));
  const opened = opening.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = opening.find((result) => result.status === 'rejected');
  if (failed === undefined) return opened;
  await closeStages(opened);
  throw failed.reason;
}

export async function closeStages(stages: readonly OpenStage[]): Promise<void> {
  await Promise.all(stages.map(async ({ call }) => call.close()));
}

async function openStage(member: PlannedMember, staged: string): Promise<OpenStage> {
  const { place, driver } = member;
  if (driver.openStage !== null) return { member, staged, call: await driver.openStage(place, staged) };
  let id = '';
  const take = async (): Promise<void> => {
    ({ id } = await driver.stage(place, staged));
  };
  return { member, staged, call: { take, identity: async () => id, close: async () => undefined } };
}

/** Takes every snapshot, thaws, and only then looks at what came of it. */
export async function takeStages(
  context: Context,
  plan: Plan,
  stages: readonly OpenStage[],
  freeze: Freeze | null,
): Promise<Cut> {
  crashPoint('stage.before');
  const started = context.clock.monotonic();
  const taken = await Promise.allSettled(
    stages.map(async ({ call }) => {
      await call.take();
      crashPoint('stage.after-first');
    }),
  );
  const skewMs = Math.ceil(context.clock.monotonic() - started);
  crashPoint('stage.after');
  const released = (await freeze?.release()) ?? { unbroken: true, reason: null, stallMs: 0 };
  const failed = taken.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
  if (!released.unbroken) {
    throw new SnapcommitError(
      'FREEZE_LAPSED',
      `the writers did not stand still until every volume was staged: ${released.reason ?? 'unknown'}`,
    );
  }
  const volumes = await Promise.all(stages.map(async (stage) => manifestOf(stage)));
  const frozen = (freeze?.frozen ?? []).map((cgroup) => `${context.self.node}:${cgroup}`);
  const stallMs = Math.ceil(released.stallMs);
  return { consistency: { grade: plan.reachable, stallMs, skewMs, frozen }, volumes };
}

async function manifestOf({ member, staged, call }: OpenStage): Promise<ManifestVolume> {
  const { place } = member;
  return { volume: place.name, node: place.node, driver: place.driver, staged, id: await call.identity(), swap: null };
}

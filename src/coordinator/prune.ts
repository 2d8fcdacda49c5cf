/**
 * Prune: whole generations only. `retire` is chosen before anything is deleted, so a crash in the middle leaves a
 * generation whole or gone, never half listed; what is left on the disks is swept by recovery (G10).
 */
import { SnapcommitError } from '../errors.js';
import { crashPoint } from '../crash-points.js';
import type { VolumeRecord } from '../machine/entry.js';
import { protectedGenerations } from '../machine/protection.js';
import { generationState, isIncomplete } from '../machine/queries.js';
import { planRetention, type RetentionPlan, type RetentionRules } from '../machine/retention.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { forgetGroup } from '../participant/forget-group.js';
import { discardNames } from '../participant/discard.js';
import { volumeLock, withFence } from '../participant/fence.js';
import { parsePublished } from '../participant/names.js';
import { messageOf } from '../participant/publish.js';
import { assertStamps } from '../participant/stamps.js';
import { removeViewGenerations } from '../participant/views.js';
import { requireGroup } from './begin.js';
import { append } from '../participant/append.js';

export interface PruneRequest {
  readonly group: string;
  readonly rules: RetentionRules;
  readonly dryRun: boolean;
}

export interface Pruned {
  readonly group: string;
  readonly removed: readonly number[];
  readonly kept: readonly { readonly generation: number; readonly reasons: readonly string[] }[];
}

export async function prune(context: Context, request: PruneRequest): Promise<Pruned> {
  const state = await context.log.read();
  const { newest } = requireGroup(state, request.group);
  await assertStamps(context.files, state, context.log);
  assertClock(context, state, request.rules);
  // Of what was committed since, that state does not tell whether anybody has published it.
  const generations = (await context.log.generations(request.group)).filter(({ generation }) => generation <= newest);
  const { keep, remove } = planPrune(state, request, generations);
  if (!request.dryRun && remove.length > 0) {
    crashPoint('retire.before');
    await append(context, { type: 'retire', group: request.group, generations: remove });
    crashPoint('retire.after');
    await freeRetired(context, request.group, new Set(remove));
  }
  return { group: request.group, removed: remove, kept: keep };
}

const CLOCK_AHEAD_MS = 3_600_000;

/**
 * Commit times only rise. After a clock that once ran ahead, every later generation carries nearly the same time until
 * the clock has caught up, and the calendar rules would take them for one hour's, and keep one.
 */
function assertClock(context: Context, state: State, rules: RetentionRules): void {
  const { keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly } = rules;
  const usesCalendar = [keepHourly, keepDaily, keepWeekly, keepMonthly, keepYearly].some((count) => count > 0);
  const aheadMs = state.clock - context.clock.now();
  if (!usesCalendar || aheadMs <= CLOCK_AHEAD_MS) return;
  throw new SnapcommitError(
    'UNAVAILABLE',
    `the newest commit is dated ${new Date(state.clock).toISOString()}, ahead of this machine’s clock: until the clock has ` +
      'caught up, calendar rules would remove generations that they should keep. Nothing was removed. Set the clock right, ' +
      'or prune with --keep-last alone.',
    { aheadMs },
  );
}

/**
 * By the rules over all generations, and over the whole ones alone: an incomplete one never takes a whole one's place. Nor does
 * one that is not published, which may never be: the newest that readers have everywhere stays.
 */
function planPrune(
  state: State,
  { group, rules }: PruneRequest,
  generations: readonly GenerationRecord[],
): RetentionPlan {
  const whole = generations.filter(({ generation }) => !isIncomplete(state, group, generation));
  const shown = whole.findLast(({ generation }) => generationState(state, group, generation) === 'published');
  const inUse = new Set(protectedGenerations(state, group));
  if (shown !== undefined) inUse.add(shown.generation);
  const all = planRetention(generations, rules, inUse);
  if (whole.length === generations.length) return all;
  const removed = new Set(all.remove);
  const spared = planRetention(whole, rules, inUse).keep.filter(({ generation }) => removed.has(generation));
  const isSpared = new Set(spared.map(({ generation }) => generation));
  return {
    keep: [...all.keep, ...spared].sort((a, b) => b.generation - a.generation),
    remove: all.remove.filter((generation) => !isSpared.has(generation)),
  };
}

/**
 * Deletes what stands of retired generations on this node. They are gone by now, whatever fails here: it is told, and
 * recovery sweeps the rest.
 */
async function freeRetired(context: Context, group: string, retired: ReadonlySet<number>): Promise<void> {
  const { files, stateDirectory } = context;
  await orTell(context, `generations of group ${group}`, async () => {
    const state = await context.log.read();
    const places = Object.values(state.volumes)
      .filter((volume) => !volume.forfeited && volume.record.node === context.self.node)
      .map((volume) => volume.record);
    await Promise.all(
      places.map(async (place) =>
        orTell(context, `volume ${place.name}`, async () => freeVolume(context, place, group, retired)),
      ),
    );
  });
  await orTell(context, `view of group ${group}`, async () =>
    removeViewGenerations(files, stateDirectory, group, (generation) => !retired.has(generation)),
  );
}

async function freeVolume(
  context: Context,
  place: VolumeRecord,
  group: string,
  retired: ReadonlySet<number>,
): Promise<void> {
  const driver = await context.driver(place.driver);
  const listDead = async (): Promise<readonly string[]> => {
    const names = (await driver.list(place)).map((entry) => entry.name);
    return names.filter((name) => {
      const parsed = parsePublished(name);
      return parsed?.group === group && retired.has(parsed.generation);
    });
  };
  // Another group's volume may be locked for hours.
  if ((await listDead()).length === 0) return;
  await withFence(context, volumeLock(place.name), async () => {
    await discardNames(context, driver, place, await listDead());
  });
}

async function orTell(context: Context, what: string, free: () => Promise<void>): Promise<void> {
  await free().catch((error: unknown) => {
    context.report({
      kind: 'warning',
      message: `${what}: ${messageOf(error)}; \`snapcommit recover\` deletes the rest`,
    });
  });
}

/** Takes away what a removed group left for readers: its generations, its view, and the links through it. Never rejects. */
export async function freeGroup(context: Context, group: string, retired: ReadonlySet<number>): Promise<void> {
  await freeRetired(context, group, retired);
  await orTell(context, `links of group ${group}`, async () => forgetGroup(context, group));
}

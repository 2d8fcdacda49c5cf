/**
 * Reading without a majority (--stale): the newest generation that is known here and stands here, shown by the disks. What
 * the log says of publishing may be behind what this node has published, so it is not asked.
 */
import { SnapcommitError } from '../errors.js';
import { newestComplete } from '../machine/queries.js';
import { expandRuns, subtractRuns } from '../machine/runs.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { publishedName } from '../participant/names.js';
import { localVolumes, placeOf } from '../participant/publish.js';
import { requireGroup } from './begin.js';

/** Whether what is read may be behind: a majority could not be asked. */
export function isStale({ log }: Context): boolean {
  return typeof log.staleSlot === 'number';
}

/** `generation` null: the newest complete one. @throws UNAVAILABLE when nothing of the kind stands here. */
export async function findStanding(
  context: Context,
  state: State,
  group: string,
  generation: number | null,
): Promise<GenerationRecord> {
  const { live, incomplete } = requireGroup(state, group);
  const known = generation === null ? [...expandRuns(subtractRuns(live, incomplete))].reverse() : [generation];
  for (const candidate of known) {
    const record = await context.log.generation(group, candidate);
    if (record !== undefined && (await standsHere(context, state, record))) return record;
  }
  const wanted = generation === null ? `no generation of group ${group}` : `generation ${group}@${String(generation)}`;
  const what = generation === null ? `${wanted} stands here` : `${wanted} does not stand here`;
  const newest = newestComplete(requireGroup(state, group));
  throw new SnapcommitError(
    'UNAVAILABLE',
    `${what}, as far as this node knows (as of slot ${String(state.applied)}); it cannot reach a majority to ask.`,
    { group, generation, newestKnown: newest, asOfSlot: state.applied },
  );
}

/** Every volume of it that is this node's, by identity. */
async function standsHere(context: Context, state: State, record: GenerationRecord): Promise<boolean> {
  const name = publishedName(record.group, record.generation);
  for (const { volume, id } of localVolumes(context, state, record)) {
    const place = placeOf(state, volume);
    const driver = await context.driver(place.driver);
    const found = await driver.lookup(place, name).catch(() => null);
    if (found?.id !== id) return false;
  }
  return true;
}

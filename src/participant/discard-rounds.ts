/** Deleting what a transaction staged on this node's volumes and did not publish. */
import type { VolumeRecord } from '../machine/entry.js';
import { finishedTransaction } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Work } from '../ports/participant.js';
import { allDone } from './all-done.js';
import type { Context } from './context.js';
import { discardNames } from './discard.js';
import { requireOpen } from './epoch.js';
import { volumeLock, withFence } from './fence.js';
import { parseStaged } from './names.js';

/**
 * See Participant.discard. The locks of its own volumes are waited for: a step that was given up may still be making something
 * there. Another's may be held for hours, so it is taken only where something of this transaction stands.
 */
export async function discardRounds(context: Context, work: Work, voidThrough: number | null): Promise<void> {
  const state = await context.log.read();
  const members = membersOf(state, work);
  const places = Object.values(state.volumes)
    .filter(({ record, forfeited }) => record.node === context.self.node && !forfeited)
    .map(({ record }) => record);
  const isOpen = lookup(state.open, work.transaction) !== undefined;
  await allDone(
    places.map(async (place) => {
      const isMember = members.includes(place.name);
      if (!isMember && (isOpen || (await namesOf(context, place, work, null)).length === 0)) return;
      await discardOn(context, place, work, voidThrough);
    }),
  );
}

/** Once it is decided its group tells, which may have changed since. */
function membersOf(state: State, { transaction }: Work): readonly string[] {
  const open = lookup(state.open, transaction);
  if (open !== undefined) return open.begin.members.map(({ volume }) => volume);
  const finished = finishedTransaction(state, transaction);
  return finished === undefined ? [] : (lookup(state.groups, finished.group)?.record.volumes ?? []);
}

async function discardOn(context: Context, place: VolumeRecord, work: Work, voidThrough: number | null): Promise<void> {
  await withFence(context, volumeLock(place.name), async () => {
    const state = await context.log.read();
    const isOpen = lookup(state.open, work.transaction) !== undefined;
    if (voidThrough === null && isOpen) return;
    if (voidThrough !== null && isOpen) requireOpen(state, work);
    // Should a commit have won, these names are what is still to be published.
    if (Object.values(state.pending).some(({ record }) => record.transaction === work.transaction)) return;
    const driver = await context.driver(place.driver);
    await discardNames(context, driver, place, await namesOf(context, place, work, isOpen ? voidThrough : null));
  });
}

/** What this transaction staged there in rounds up to `through`; null: in any. */
async function namesOf(
  context: Context,
  place: VolumeRecord,
  { transaction }: Work,
  through: number | null,
): Promise<readonly string[]> {
  const listed = await (await context.driver(place.driver)).list(place);
  return listed
    .map(({ name }) => name)
    .filter((name) => {
      const staged = parseStaged(name);
      return staged?.transaction === transaction && (through === null || staged.round <= through);
    });
}

/** Deleting what a transaction staged on a volume and did not publish. */
import type { VolumeRecord } from '../machine/entry.js';
import { lookup } from '../machine/record.js';
import type { Work } from '../ports/participant.js';
import type { Context } from './context.js';
import { discardNames } from './discard.js';
import { requireOpen } from './epoch.js';
import { volumeLock, withFence } from './fence.js';
import { parseStaged } from './names.js';

/** See Participant.discard. */
export async function discardRounds(
  context: Context,
  place: VolumeRecord,
  work: Work,
  voidThrough: number | null,
): Promise<void> {
  await withFence(context, volumeLock(place.name), async () => {
    const state = await context.log.read();
    const isOpen = lookup(state.open, work.transaction) !== undefined;
    if (voidThrough === null && isOpen) return;
    if (voidThrough !== null && isOpen) requireOpen(state, work);
    // Should a commit have won, these names are what is still to be published.
    if (Object.values(state.pending).some(({ record }) => record.transaction === work.transaction)) return;
    const driver = await context.driver(place.driver);
    const names = (await driver.list(place))
      .map((entry) => entry.name)
      .filter((name) => isOfThese(parseStaged(name), work, isOpen ? voidThrough : null));
    await discardNames(context, driver, place, names);
  });
}

function isOfThese(staged: ReturnType<typeof parseStaged>, { transaction }: Work, through: number | null): boolean {
  return staged?.transaction === transaction && (through === null || staged.round <= through);
}

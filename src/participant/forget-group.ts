/** What a removed group has left for readers on this node: its view, and the links through it. */
import { join } from 'node:path';
import { lookup } from '../machine/record.js';
import type { Context } from './context.js';
import { viewLock, withFence } from './fence.js';
import { currentName } from './names.js';
import { removeView } from './views.js';

/** Takes it away, unless a group of that name was made again meanwhile: then it is the new one's. */
export async function forgetGroup(context: Context, group: string): Promise<void> {
  await withFence(context, viewLock(group), async () => {
    const state = await context.log.read();
    if (lookup(state.groups, group) !== undefined) return;
    await removeView(context.files, context.stateDirectory, group);
    const mine = Object.values(state.volumes).filter(
      ({ record, forfeited }) => record.node === context.self.node && !forfeited,
    );
    await Promise.all(
      mine.map(async ({ record }) =>
        context.files
          .withOwned(record.publishDirectory, async (here) => context.files.removeFile(join(here, currentName(group))))
          .catch(() => undefined),
      ),
    );
  });
}

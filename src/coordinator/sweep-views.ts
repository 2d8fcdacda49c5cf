/** Sweeping this host's views: generations that are retired, and groups that another node removed. */
import { crashPoint } from '../crash-points.js';
import { isName } from '../machine/names.js';
import { isLive } from '../machine/queries.js';
import { compareText, lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { forgetGroup } from '../participant/forget-group.js';
import { removeViewGenerations, viewGenerations, viewedGroups } from '../participant/views.js';
import type { Step } from './recovery.js';

/** Lists first and reads the log afterwards: a directory that stands by then was made for a generation that is known. */
export async function sweepViews(context: Context, before: State): Promise<readonly Step[]> {
  crashPoint('recover.sweeping');
  const steps = await Promise.all(
    Object.keys(before.groups).map(async (group): Promise<readonly Step[]> => {
      const listed = await viewGenerations(context.files, context.stateDirectory, group);
      const state = await context.log.read();
      const retired = listed.filter((generation) => !isLive(state, group, generation));
      return retired.map((generation) => ({
        action: {
          action: 'remove',
          target: `view ${group}@${String(generation)}`,
          reason: 'the generation is retired',
        },
        act: async () => removeViewGenerations(context.files, context.stateDirectory, group, (n) => n !== generation),
      }));
    }),
  );
  return [...steps.flat(), ...(await sweepRemoved(context))];
}

/** Lists first, too: a view that is made for a group is made after the group. */
async function sweepRemoved(context: Context): Promise<readonly Step[]> {
  const listed = await viewedGroups(context.files, context.stateDirectory);
  const state = await context.log.read();
  return listed
    .filter((group) => isName(group) && lookup(state.groups, group) === undefined)
    .sort(compareText)
    .map((group) => ({
      action: { action: 'remove', target: `view ${group}`, reason: 'the group was removed' },
      act: async () => forgetGroup(context, group),
    }));
}

/**
 * A volume's disk has come to this node with its generations, published elsewhere before: this node's views show them from
 * now on, and the disk's links lead to these views. Doing it twice is doing it once.
 */
import { join } from 'node:path';
import type { VolumeRecord } from '../machine/entry.js';
import { isPublishedOn, newestComplete } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import { hasNumber } from '../machine/runs.js';
import type { GroupState } from '../machine/state.js';
import type { Context } from './context.js';
import { viewLock, withFence } from './fence.js';
import { currentName, publishedName } from './names.js';
import { localVolumes, placeOf } from './publish.js';
import { prepareView, replaceLinkBeside, turnView, viewDirectory } from './views.js';

/** Call after the log says that the volume is here. What still waits to be published here, publishing shows. */
export async function adoptGenerations(context: Context, place: VolumeRecord): Promise<void> {
  const state = await context.log.read();
  for (const group of Object.values(state.groups)) {
    if (lookup(group.contents, place.name) !== undefined) await adoptGroup(context, place, group);
  }
}

async function adoptGroup(context: Context, place: VolumeRecord, { record: { name } }: GroupState): Promise<void> {
  const { files, stateDirectory, self } = context;
  await withFence(context, viewLock(name), async () => {
    const state = await context.log.read();
    const group = lookup(state.groups, name);
    if (group === undefined) return;
    const held = lookup(group.contents, place.name) ?? [];
    for (const record of await context.log.generations(name)) {
      const { generation } = record;
      if (!hasNumber(held, generation) || !isPublishedOn(state, self.node, name, generation)) continue;
      const links = localVolumes(context, state, record).map(({ volume }) => ({
        volume,
        target: join(placeOf(state, volume).publishDirectory, publishedName(name, generation)),
      }));
      await prepareView(files, stateDirectory, name, generation, links);
      if (generation === newestComplete(group)) await turnView(files, stateDirectory, name, generation);
    }
    await replaceLinkBeside(
      files,
      place.publishDirectory,
      currentName(name),
      join(viewDirectory(stateDirectory, name), 'current', place.name),
    );
  });
}

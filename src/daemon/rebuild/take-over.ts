/**
 * What a rebuild does to the publish directories, before its log comes into being. Each step can be repeated: a crash in
 * between leaves no log, and the same command works again.
 */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeFiles } from '../../adapters/node-files.js';
import { isLive } from '../../machine/queries.js';
import type { State } from '../../machine/state.js';
import { currentName, parsePublished, publishedName } from '../../participant/names.js';
import { raiseStamp } from '../../participant/stamps.js';
import { replaceLinkBeside, prepareView, turnView, viewDirectory } from '../../participant/views.js';
import type { FoundVolume } from './found.js';
import type { OpenDriver } from './scan.js';
import { newestPublished, type Rebuilt } from './state.js';

/** From here on the lost log, should it still live, is shut out: its incarnation is below the stamp. */
export async function raiseStamps(
  volumes: readonly FoundVolume[],
  { cluster, state }: { readonly cluster: string; readonly state: State },
  openDriver: OpenDriver,
): Promise<void> {
  for (const { record } of volumes) {
    const { incarnation, applied } = state;
    await raiseStamp(nodeFiles, record.publishDirectory, { cluster, incarnation, slot: applied });
    await (await openDriver(record.driver)).sync(record);
  }
}

/**
 * Gives another name to what stands here of generations that are not taken: under its own name recovery would take it
 * for retired, and delete it. `app@12` becomes `app@12.incomplete`.
 */
export async function setAside(
  volumes: readonly FoundVolume[],
  state: State,
  openDriver: OpenDriver,
): Promise<readonly string[]> {
  const moved: string[] = [];
  for (const { record, listed } of volumes) {
    const driver = await openDriver(record.driver);
    for (const { name } of listed) {
      const aside = nameAside(name, state);
      if (aside === null) continue;
      if (name.endsWith('.manifest.json'))
        await nodeFiles.withOwned(record.publishDirectory, async (here) => rename(join(here, name), join(here, aside)));
      else await driver.rename(record, name, aside);
      moved.push(join(record.publishDirectory, aside));
    }
    await driver.sync(record);
  }
  return moved;
}

function nameAside(name: string, state: State): string | null {
  const parsed = parsePublished(name);
  if (parsed === null || isLive(state, parsed.group, parsed.generation)) return null;
  const own = publishedName(parsed.group, parsed.generation);
  return `${own}.incomplete${name.slice(own.length)}`;
}

/** The views were in the lost state directory. What is still to be published turns its view when it is. */
export async function turnViews(
  stateDirectory: string,
  volumes: readonly FoundVolume[],
  rebuilt: Rebuilt,
  openDriver: OpenDriver,
): Promise<void> {
  for (const group of Object.keys(rebuilt.state.groups)) {
    const newest = newestPublished(rebuilt, group);
    if (newest === undefined) continue;
    const name = publishedName(group, newest.generation);
    const held = volumes.filter(({ record }) =>
      newest.manifest.volumes.some((member) => member.volume === record.name),
    );
    const links = held.map(({ record }) => ({ volume: record.name, target: join(record.publishDirectory, name) }));
    await prepareView(nodeFiles, stateDirectory, group, newest.generation, links);
    await turnView(nodeFiles, stateDirectory, group, newest.generation);
    for (const { record } of held) {
      const view = join(viewDirectory(stateDirectory, group), 'current', record.name);
      await replaceLinkBeside(nodeFiles, record.publishDirectory, currentName(group), view);
      await (await openDriver(record.driver)).sync(record);
    }
  }
}

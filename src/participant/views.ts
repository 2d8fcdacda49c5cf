/**
 * The host's view of a group: `<state>/views/GROUP/current` is a link to a generation directory, which holds one link
 * per volume of this host. One rename turns all volumes of this host at once (G12); it only ever turns forward.
 */
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import type { NodeFiles } from '../ports/node-files.js';
import { allDone } from './all-done.js';
import { parsePublished, publishedName } from './names.js';

export interface ViewLink {
  readonly volume: string;
  readonly target: string;
}

export function viewDirectory(stateDirectory: string, group: string): string {
  return join(stateDirectory, 'views', group);
}

/** The generation that the view shows, 0 for none. */
export async function viewGeneration(files: NodeFiles, stateDirectory: string, group: string): Promise<number> {
  // No link yet (or no view at all): the view shows nothing. A failure must not turn it back.
  const target = await files.readLink(join(viewDirectory(stateDirectory, group), 'current'));
  return target === null ? 0 : (parsePublished(target)?.generation ?? 0);
}

/** Makes the view's directory of a generation, durable but for its name. Call under the lock of the view. */
export async function prepareView(
  files: NodeFiles,
  stateDirectory: string,
  group: string,
  generation: number,
  links: readonly ViewLink[],
): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  const name = publishedName(group, generation);
  crashPoint('view.before');
  // Nobody has turned this view yet: whoever made its directory may have died before it was durable.
  const isFirst = (await files.readLink(join(directory, 'current'))) === null;
  await makeDurableDirectory(files, stateDirectory, ['views', group], isFirst);
  // Its name stands in the same directory as `current`, and becomes durable with the flip.
  if (!(await files.makeDirectory(join(directory, name)))) await dropOtherLinks(files, join(directory, name), links);
  await allDone(links.map(async (link) => replaceLink(files, join(directory, name), link.volume, link.target)));
  await files.syncDirectory(join(directory, name));
  crashPoint('view.directory-made');
}

/**
 * Makes the view show `generation`, which prepareView has made, unless it shows that or a later one. Call under the lock
 * of the view. Durable when it resolves.
 */
export async function turnView(
  files: NodeFiles,
  stateDirectory: string,
  group: string,
  generation: number,
): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  if ((await viewGeneration(files, stateDirectory, group)) < generation) {
    crashPoint('view.before-flip');
    await replaceLink(files, directory, 'current', publishedName(group, generation));
    crashPoint('view.after-flip');
  }
  await files.syncDirectory(directory);
  crashPoint('view.after-sync');
}

/** Removes the view's directories of generations that `keep` does not name. */
export async function removeViewGenerations(
  files: NodeFiles,
  stateDirectory: string,
  group: string,
  isKept: (generation: number) => boolean,
): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  for (const name of await files.listNames(directory)) {
    const parsed = parsePublished(name);
    if (parsed?.group !== group || parsed.part !== 'snapshot' || isKept(parsed.generation)) continue;
    await files.removeTree(join(directory, name));
  }
}

/** Removes the view of a group that is no more. */
export async function removeView(files: NodeFiles, stateDirectory: string, group: string): Promise<void> {
  await files.removeTree(viewDirectory(stateDirectory, group));
}

/** The names of all views of this host. */
export async function viewedGroups(files: NodeFiles, stateDirectory: string): Promise<readonly string[]> {
  return files.listNames(join(stateDirectory, 'views'));
}

/** The view's generation directories, by number. */
export async function viewGenerations(
  files: NodeFiles,
  stateDirectory: string,
  group: string,
): Promise<readonly number[]> {
  const names = await files.listNames(viewDirectory(stateDirectory, group));
  return names.map((name) => parsePublished(name)?.generation ?? 0).filter((generation) => generation > 0);
}

/** Makes `directory/name` a link to `target`, by one rename, unless it is. Not durable until the directory is synced. */
export async function replaceLink(files: NodeFiles, directory: string, name: string, target: string): Promise<void> {
  if ((await files.readLink(join(directory, name)).catch(() => null)) === target) return;
  await files.replaceLink(directory, name, target);
}

/** The same for a link beside a volume's snapshots. */
export async function replaceLinkBeside(
  files: NodeFiles,
  publishDirectory: string,
  name: string,
  target: string,
): Promise<void> {
  await files.withOwned(publishDirectory, async (here) => replaceLink(files, here, name, target));
}

/** A directory that an earlier try made may name a volume that has been forfeited since. */
async function dropOtherLinks(files: NodeFiles, directory: string, links: readonly ViewLink[]): Promise<void> {
  const wanted = new Set(links.map((link) => link.volume));
  const others = (await files.listNames(directory)).filter((name) => !wanted.has(name));
  await allDone(others.map(async (name) => files.removeFile(join(directory, name))));
}

async function makeDurableDirectory(
  files: NodeFiles,
  root: string,
  components: readonly string[],
  isDoubtful: boolean,
): Promise<void> {
  let parent = root;
  for (const component of components) {
    const made = await files.makeDirectory(join(parent, component));
    if (made || isDoubtful) await files.syncDirectory(parent);
    parent = join(parent, component);
  }
}

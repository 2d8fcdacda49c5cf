/**
 * The host's view of a group: `<state>/views/GROUP/current` is a link to a generation directory, which holds one link
 * per volume of this host. One rename turns all volumes of this host at once (G12); it only ever turns forward.
 */
import { mkdir, readdir, readlink, rename, rm, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import { syncDirectory } from '../native/sync.js';
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
export async function viewGeneration(stateDirectory: string, group: string): Promise<number> {
  try {
    const target = await readlink(join(viewDirectory(stateDirectory, group), 'current'));
    return parsePublished(target)?.generation ?? 0;
  } catch (error) {
    // No link yet (or no view at all): the view shows nothing. Any other failure must not turn it back.
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}

/** Makes the view's directory of a generation, durable but for its name. Call under the lock of the view. */
export async function prepareView(
  stateDirectory: string,
  group: string,
  generation: number,
  links: readonly ViewLink[],
): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  const name = publishedName(group, generation);
  crashPoint('view.before');
  await makeDurableDirectory(stateDirectory, ['views', group]);
  // Its name stands in the same directory as `current`, and becomes durable with the flip.
  if (!(await makeDirectory(join(directory, name)))) await dropOtherLinks(join(directory, name), links);
  await allDone(links.map(async (link) => replaceLink(join(directory, name), link.volume, link.target)));
  await syncDirectory(join(directory, name));
  crashPoint('view.directory-made');
}

/**
 * Makes the view show `generation`, which prepareView has made, unless it shows that or a later one. Call under the lock
 * of the view. Durable when it resolves.
 */
export async function turnView(stateDirectory: string, group: string, generation: number): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  if ((await viewGeneration(stateDirectory, group)) < generation) {
    crashPoint('view.before-flip');
    await replaceLink(directory, 'current', publishedName(group, generation));
    crashPoint('view.after-flip');
  }
  await syncDirectory(directory);
  crashPoint('view.after-sync');
}

/** Removes the view's directories of generations that `keep` does not name. */
export async function removeViewGenerations(
  stateDirectory: string,
  group: string,
  isKept: (generation: number) => boolean,
): Promise<void> {
  const directory = viewDirectory(stateDirectory, group);
  for (const name of await listNames(directory)) {
    const parsed = parsePublished(name);
    if (parsed?.group !== group || parsed.part !== 'snapshot' || isKept(parsed.generation)) continue;
    await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** Removes the view of a group that is no more. */
export async function removeView(stateDirectory: string, group: string): Promise<void> {
  await rm(viewDirectory(stateDirectory, group), { recursive: true, force: true });
}

/** The view's generation directories, by number. */
export async function viewGenerations(stateDirectory: string, group: string): Promise<readonly number[]> {
  const names = await listNames(viewDirectory(stateDirectory, group));
  return names.map((name) => parsePublished(name)?.generation ?? 0).filter((generation) => generation > 0);
}

/** Makes `directory/name` a link to `target`, by one rename. Not durable until the directory is synced. */
export async function replaceLink(directory: string, name: string, target: string): Promise<void> {
  if ((await readlink(join(directory, name)).catch(() => null)) === target) return;
  const temporary = join(directory, `.${name}.new`);
  await unlink(temporary).catch(() => undefined);
  await symlink(target, temporary);
  await rename(temporary, join(directory, name));
}

/** A directory that an earlier try made may name a volume that has been forfeited since. */
async function dropOtherLinks(directory: string, links: readonly ViewLink[]): Promise<void> {
  const wanted = new Set(links.map((link) => link.volume));
  const others = (await readdir(directory)).filter((name) => !wanted.has(name));
  await allDone(others.map(async (name) => unlink(join(directory, name))));
}

async function makeDurableDirectory(root: string, components: readonly string[]): Promise<void> {
  let parent = root;
  for (const component of components) {
    const made = await makeDirectory(join(parent, component));
    if (made) await syncDirectory(parent);
    parent = join(parent, component);
  }
}

/** False where it stood already. */
async function makeDirectory(path: string): Promise<boolean> {
  return mkdir(path, { mode: 0o755 }).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
      throw error;
    },
  );
}

async function listNames(directory: string): Promise<readonly string[]> {
  return readdir(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
}

/** Examining a source: what can be a volume of this driver, and what can be exchanged there. Changes nothing. */
import { constants } from 'node:fs';
import { access, lstat, realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import type { Inspection } from '../../ports/volume-driver.js';
import { errnoOf, isMissing, volumeFailure } from './failures.js';
import { treeIdentity } from './identity.js';
import { mountOf, mountsBelow, readMounts, type Mount } from './mounts-below.js';
import { isProtected } from './protected.js';

const HIDDEN = '.snapcommit';

export async function inspectSource(name: string, source: string, publish: string | null): Promise<Inspection> {
  const live = await checkSource(name, source);
  const publishDirectory = publish ?? join(dirname(live), HIDDEN, name);
  const existing = await checkPublishDirectory(name, live, publishDirectory);
  const mounts = await readMounts();
  const status = await lstat(live);
  return {
    source: live,
    publishDirectory,
    filesystem: `${String(status.dev)}:${String(status.ino)}`,
    live: await treeIdentity(live),
    exchange: await judgeExchange(live, existing, mounts),
  };
}

/** Refuses what cannot be a volume's source; answers its path without a trailing slash. */
export async function checkSource(name: string, source: string): Promise<string> {
  const path = resolve(source);
  if (!isAbsolute(source)) throw invalid(name, source, 'is not an absolute path');
  if (path === '/') throw invalid(name, source, 'is the root directory; name a directory below it');
  const real = await realpath(path).catch((error: unknown) => {
    throw volumeFailure(name, path, error, 'SOURCE_INVALID');
  });
  if (real !== path)
    throw invalid(name, source, `leads through a symbolic link; name ${real} itself`, { resolved: real });
  if (!(await lstat(path)).isDirectory()) throw invalid(name, source, 'is not a directory');
  if (path.split('/').includes(HIDDEN))
    throw invalid(name, source, `lies inside a ${HIDDEN} directory, which holds snapshots`);
  await refuseMounts(name, path);
  return path;
}

/** A copy would take what is mounted inside the tree for its own, or lose it. */
export async function refuseMounts(name: string, tree: string): Promise<void> {
  const inside = mountsBelow(await readMounts(), tree).slice(0, 10);
  if (inside.length === 0) return;
  throw new SnapcommitError(
    'SOURCE_NESTED',
    `volume ${name}: something else is mounted inside ${tree}, at ${inside.join(', ')}; unmount it, or make it a volume of its own outside`,
    { volume: name, source: tree, nested: inside },
  );
}

/** Answers the nearest directory that is there already: the publish directory itself, or where it will be made. */
async function checkPublishDirectory(name: string, source: string, directory: string): Promise<string> {
  const details = { publishDirectory: directory };
  if (!isAbsolute(directory) || resolve(directory) !== directory) {
    throw invalid(name, source, `cannot publish to ${directory}: that is not a plain absolute path`, details);
  }
  if (directory === source || directory.startsWith(`${source}/`)) {
    throw invalid(
      name,
      source,
      `cannot publish to ${directory}, which lies inside it; choose a directory outside`,
      details,
    );
  }
  if (source.startsWith(`${directory}/`)) {
    throw invalid(name, source, `lies inside its publish directory ${directory}; choose another`, details);
  }
  const existing = await nearestExisting(directory);
  if ((await realpath(existing)) !== existing) {
    throw invalid(name, source, `cannot publish to ${directory}: it leads through a symbolic link`, details);
  }
  if ((await lstat(existing)).dev !== (await lstat(source)).dev) {
    throw invalid(
      name,
      source,
      `and its publish directory ${directory} lie on different filesystems; choose a publish directory on the source’s own. ` +
        'Where the source is a mount point, take a directory inside it as the source.',
      details,
    );
  }
  return existing;
}

async function nearestExisting(path: string): Promise<string> {
  for (let candidate = path; ; candidate = dirname(candidate)) {
    try {
      await lstat(candidate);
      return candidate;
    } catch (error) {
      if (!isMissing(error) || candidate === '/') throw error;
    }
  }
}

async function judgeExchange(
  source: string,
  publish: string,
  mounts: readonly Mount[],
): Promise<Inspection['exchange']> {
  const mount = mountOf(mounts, source);
  if (mount?.path === source)
    return { possible: false, reason: `${source} is a mount point, and a mount point cannot be renamed` };
  if (mount?.id !== mountOf(mounts, publish)?.id) {
    return { possible: false, reason: `${source} and ${publish} are reached through different mounts` };
  }
  const parent = dirname(source);
  for (const path of [parent, source, publish]) {
    if (await isProtected(path))
      return { possible: false, reason: `${path} is immutable or append-only; clear that (chattr -i -a)` };
    if (!(await mayWrite(path))) return { possible: false, reason: `this user may not write to ${path}` };
  }
  return { possible: true };
}

async function mayWrite(path: string): Promise<boolean> {
  return access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    (error: unknown) => {
      if (['EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error))) return false;
      throw error;
    },
  );
}

function invalid(
  name: string,
  source: string,
  what: string,
  details: Readonly<Record<string, string>> = {},
): SnapcommitError {
  return new SnapcommitError('SOURCE_INVALID', `volume ${name}: ${source} ${what}`, {
    volume: name,
    source,
    ...details,
  });
}

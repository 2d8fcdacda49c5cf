/** Examining a source: what is refused as a volume, where its publish directory goes, and what `live` re-checks. */
import { realpath } from 'node:fs/promises';
import { dirname, isAbsolute, join, normalize, relative } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { filesystemUuid } from '../../native/btrfs-space.js';
import { isReadOnly, isSubvolume, subvolumeInfo } from '../../native/btrfs.js';
import { nearestExisting } from '../../native/existing-path.js';
import { readMounts, type Mount } from '../../native/mountinfo.js';
import type { Inspection, VolumePlace } from '../../ports/volume-driver.js';
import { exchangePossible } from './exchange-possible.js';
import { isBelow } from './mounts.js';
import { refuseNestedInLive } from './nested.js';
import { driverError, errnoOf, HIDDEN_DIRECTORY, identity, withDirectory, withLive } from './place.js';

const TOP_LEVEL = 5n;

export async function inspect(
  name: string,
  given: string,
  publishDirectory: string | null,
  mayBeReadOnly = false,
): Promise<Inspection> {
  const source = await plainPath(name, given);
  if (source.split('/').includes(HIDDEN_DIRECTORY)) {
    const message = `volume ${name}: ${source} lies in a publish directory (${HIDDEN_DIRECTORY}), whose contents are snapcommit's own; give a live tree`;
    throw new SnapcommitError('SOURCE_MANAGED', message, { volume: name, source });
  }
  const mounts = readMounts('self');
  try {
    return await withDirectory(source, async (fd) => {
      if (!isSubvolume(fd)) throw invalid(name, source, 'is not the root of a btrfs subvolume');
      if (!mayBeReadOnly && isReadOnly(fd, source))
        throw invalid(name, source, 'is a read-only subvolume; give the live, writable one');
      const place = { name, source, publishDirectory: publishDirectory ?? defaultPlace(name, source, fd, mounts) };
      refuseNestedInLive(place, fd);
      const filesystem = filesystemUuid(fd, source);
      await refusePublishDirectory(place, filesystem);
      const exchange = await exchangePossible(place, fd, mounts);
      return { ...place, filesystem, live: identity(fd, source), exchange };
    });
  } catch (failure) {
    throw driverError({ name, source, publishDirectory: '' }, 'inspect', source, failure, 'SOURCE_INVALID');
  }
}

/** The live tree's identity, after the checks that can fail later than `inspect` did; `asItStands`: without them. */
export async function live(
  volume: VolumePlace,
  asItStands = false,
): Promise<{ readonly id: string; readonly readOnly: boolean }> {
  if (!asItStands)
    await plainPath(volume.name, volume.source).catch((failure: unknown) => {
      const gone = failure instanceof SnapcommitError && failure.details['missing'] === true;
      if (!gone) throw failure; // where it is gone, opening it says so below
    });
  return withLive(volume, 'look at', (fd) => {
    if (!asItStands) refuseNestedInLive(volume, fd);
    return { id: identity(fd, volume.source), readOnly: isReadOnly(fd, volume.source) };
  });
}

function invalid(name: string, source: string, why: string, missing = false): SnapcommitError {
  return new SnapcommitError('SOURCE_INVALID', `volume ${name}: ${source} ${why}`, { volume: name, source, missing });
}

/** The path without `.`, `..` and trailing slashes. Refuses symlinks in any component. */
async function plainPath(name: string, given: string): Promise<string> {
  if (!isAbsolute(given)) throw invalid(name, given, 'is not an absolute path; give it from / on');
  const plain = withoutSlash(normalize(given));
  let resolved: string;
  try {
    resolved = await realpath(given);
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') throw invalid(name, given, 'does not exist', true);
    throw driverError({ name, source: given, publishDirectory: '' }, 'resolve', given, failure, 'SOURCE_INVALID');
  }
  if (resolved === plain) return plain;
  throw invalid(name, given, `goes through a symlink; give the path that it resolves to, ${resolved}`);
}

function withoutSlash(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function defaultPlace(name: string, source: string, fd: number, mounts: readonly Mount[]): string {
  const inside = subvolumeInfo(fd, source).id === TOP_LEVEL || mounts.some(({ mountPoint }) => mountPoint === source);
  return join(inside ? source : dirname(source), HIDDEN_DIRECTORY, name);
}

async function refusePublishDirectory(place: VolumePlace, filesystem: string): Promise<void> {
  const { name, source, publishDirectory } = place;
  const refuse = (why: string): SnapcommitError =>
    invalid(name, source, `cannot have its publish directory at ${publishDirectory}: ${why}`);
  if (!isAbsolute(publishDirectory) || normalize(publishDirectory) !== publishDirectory)
    throw refuse('it is not an absolute path without . and .. and a slash at the end');
  if (publishDirectory === source) throw refuse('that is the source itself');
  const ours = relative(source, publishDirectory).split('/')[0] === HIDDEN_DIRECTORY;
  if (isBelow(publishDirectory, source) && !ours) throw refuse('it lies inside the source');
  const parent = await nearestExisting(publishDirectory);
  const resolved = await realpath(parent);
  if (resolved !== parent) throw refuse(`it goes through a symlink; the path resolves to ${resolved}`);
  const other = await withDirectory(parent, (fd) => filesystemUuid(fd, parent)).catch(() => null);
  if (other !== filesystem)
    throw refuse(`${parent} is on another filesystem, where no snapshot of the source can stand`);
}

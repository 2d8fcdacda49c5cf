/**
 * Where things lie inside a publish directory. One entry is a directory that holds the tree and what we know of it, so
 * that one rename moves both:
 *
 *   NAME/tree       the copy, which readers get
 *   NAME/identity   written last, after the copy is durable: an entry without it is no snapshot
 *   NAME/index      one line a file with its content's SHA-256, for verify; its own SHA-256 stands in the identity
 *   NAME/listing    clones of the live tree: what the live tree looked like before the copy began
 */
import { join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import type { VolumePlace } from '../../ports/volume-driver.js';

export interface EntryPaths {
  readonly wrapper: string;
  readonly tree: string;
  readonly identity: string;
  readonly index: string;
  readonly listing: string;
}

/** The paths of the entry `name`. Refuses (NAME_INVALID) what is not one component of a path. */
export function entryPaths(volume: VolumePlace, name: string): EntryPaths {
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
    throw new SnapcommitError('NAME_INVALID', `${JSON.stringify(name)} is no name inside a publish directory`, {
      volume: volume.name,
      name,
    });
  }
  return pathsIn(join(volume.publishDirectory, name));
}

/** The same, seen from the entry's directory `wrapper`. */
export function pathsIn(wrapper: string): EntryPaths {
  return {
    wrapper,
    tree: join(wrapper, 'tree'),
    identity: join(wrapper, 'identity'),
    index: join(wrapper, 'index'),
    listing: join(wrapper, 'listing'),
  };
}

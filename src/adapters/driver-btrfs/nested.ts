/** Subvolumes inside a tree: snapshots of it contain none of them, so it is refused, by their names. */
import { SnapcommitError } from '../../errors.js';
import { nestedSubvolumes } from '../../native/btrfs.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { HIDDEN_DIRECTORY } from './place.js';

const NESTED_NAMED_MAX = 10;

/** Our own, which holds the publish directory, is meant to stay out. @throws SOURCE_NESTED */
export function refuseNestedInLive(volume: VolumePlace, fd: number): void {
  const own = (path: string): boolean => path === HIDDEN_DIRECTORY || path.startsWith(`${HIDDEN_DIRECTORY}/`);
  const nested = nestedSubvolumes(fd, volume.source, NESTED_NAMED_MAX, own);
  if (nested.length === 0) return;
  const message = `volume ${volume.name}: ${volume.source} has subvolumes inside, which its snapshots would not contain: ${nested.join(', ')}; make each a volume of its own, outside of this one`;
  throw new SnapcommitError('SOURCE_NESTED', message, { volume: volume.name, source: volume.source, nested });
}

/** What was made in a clone would be missing in its generation, and in the live tree nothing could be committed any more. @throws SOURCE_NESTED */
export function refuseNestedInClone(volume: VolumePlace, fd: number, path: string): void {
  const nested = nestedSubvolumes(fd, path, NESTED_NAMED_MAX, () => false);
  if (nested.length === 0) return;
  const message = `volume ${volume.name}: the command made subvolumes in ${volume.source}, which no snapshot of it would contain: ${nested.join(', ')}; make directories instead, or volumes of their own outside of it, and run it again`;
  throw new SnapcommitError('SOURCE_NESTED', message, { volume: volume.name, path, nested });
}

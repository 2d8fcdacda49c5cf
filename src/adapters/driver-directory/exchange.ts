/**
 * Exchanging the live tree with a clone: one rename, told by identity, so that it can be repeated after any crash (T8).
 * A directory cannot be made read-only as a whole: whoever calls has seen to it that nobody writes.
 */
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { childPath, openDirectory } from '../../native/at.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { renameExchange } from '../../native/rename.js';
import { syncDirectory, syncFilesystem } from '../../native/sync.js';
import { isMissing, volumeFailure } from './failures.js';
import { lookupEntry, treeIdentity } from './identity.js';
import { entryPaths } from './layout.js';
import { withPublishDirectory } from './publish-directory.js';

interface Identities {
  readonly base: string;
  readonly clone: string;
}

export async function exchangeTrees(
  volume: VolumePlace,
  cloneName: string,
  identities: Identities,
): Promise<'exchanged' | 'done'> {
  entryPaths(volume, cloneName);
  const parent = await openDirectory(dirname(volume.source)).catch((error: unknown) => {
    throw volumeFailure(volume.name, volume.source, error, 'UNAVAILABLE');
  });
  try {
    return await withPublishDirectory(volume, 'UNAVAILABLE', (_, place) =>
      exchangeIn(volume, parent, place, cloneName, identities),
    );
  } finally {
    await parent.close();
  }
}

/** From the open directories: their paths may be led elsewhere by whoever may write above them. */
async function exchangeIn(
  volume: VolumePlace,
  parent: FileHandle,
  place: VolumePlace,
  cloneName: string,
  identities: Identities,
): Promise<'exchanged' | 'done'> {
  const [paths, shown] = [entryPaths(place, cloneName), entryPaths(volume, cloneName)];
  const source = childPath(parent, basename(volume.source)).toString();
  const live = await treeIdentity(source).catch((error: unknown) => {
    throw volumeFailure(volume.name, volume.source, error, 'UNAVAILABLE');
  });
  if (live === identities.clone) {
    // Whoever exchanged them may have crashed before the syncs.
    await parent.sync();
    // the replaced tree's place may be gone since, and nothing else excuses it (D6)
    await syncDirectory(paths.wrapper).catch((error: unknown) => {
      if (!isMissing(error)) throw volumeFailure(volume.name, shown.wrapper, error, 'UNAVAILABLE');
    });
    return 'done';
  }
  if (live !== identities.base) throw conflict(volume, volume.source, live, identities);
  const clone = (await lookupEntry(place, cloneName))?.id ?? null;
  if (clone !== identities.clone) throw conflict(volume, shown.tree, clone, identities);
  // What the command wrote must not reach the disk after the name that shows it.
  await syncFilesystem(paths.wrapper);
  crashPoint('exchange.before');
  await renameExchange(source, paths.tree).catch((error: unknown) => {
    throw volumeFailure(volume.name, volume.source, error, 'UNSUPPORTED');
  });
  crashPoint('exchange.after-exchange');
  await parent.sync();
  crashPoint('exchange.after-first-sync');
  await syncDirectory(paths.wrapper);
  crashPoint('exchange.after');
  return 'exchanged';
}

function conflict(volume: VolumePlace, path: string, found: string | null, identities: Identities): SnapcommitError {
  return new SnapcommitError(
    'CONFLICT',
    `volume ${volume.name}: ${path} is neither the tree that was cloned nor the clone, so nothing was exchanged; ` +
      'somebody replaced it. Move it away or put the former tree back, then run snapcommit recover.',
    { volume: volume.name, path, found, base: identities.base, clone: identities.clone },
  );
}

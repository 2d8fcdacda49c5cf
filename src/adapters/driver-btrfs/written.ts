/**
 * Whether a snapshot was written to after it was made. The owner of its root may make it writable, write, and make it
 * read-only again; the number of the transaction of its newest change stays. Balancing, sending, defragmenting, scrubbing,
 * quotas and renames leave that number alone; a deduplicator does not, although it changes no content.
 */
import { fstatSync } from 'node:fs';
import { subvolumeInfo } from '../../native/btrfs.js';
import { syncFilesystemOf } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { entryPath, translated, withDirectory } from './place.js';

export async function doubts(volume: VolumePlace, name: string): Promise<readonly string[]> {
  const path = entryPath(volume, name);
  return translated(volume, 'look at', path, 'UNAVAILABLE', () =>
    withDirectory(path, async (fd) => {
      const owner = fstatSync(fd).uid;
      // nobody but root could have done it, and root's deduplicators are many
      if (owner === 0) return [];
      // without it the number can be old
      await syncFilesystemOf(fd, path);
      const { changeTransaction, originTransaction } = subvolumeInfo(fd, path);
      if (changeTransaction <= originTransaction) return [];
      return [
        `${path} was written to after it was committed: by its owner (user ${String(owner)}), who may make it writable, or by a ` +
          'deduplicator, which changes no content; compare it with a copy before you rely on it',
      ];
    }),
  );
}

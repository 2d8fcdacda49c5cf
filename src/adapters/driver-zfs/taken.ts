/** Whether a name in the publish directory is in use: every entry has its link there, and so has whatever is not ours. */
import { lstat } from 'node:fs/promises';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { translated } from './failures.js';
import { entryPath } from './links.js';
import { isGone } from './site.js';

export async function isTaken(volume: VolumePlace, name: string): Promise<boolean> {
  const path = entryPath(volume, name);
  return translated(volume, 'look at', path, async () => {
    try {
      await lstat(path);
      return true;
    } catch (failure) {
      if (isGone(failure)) return false;
      throw failure;
    }
  });
}

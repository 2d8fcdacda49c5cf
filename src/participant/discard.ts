/**
 * Deleting what is provably ours and dead: an atomic rename to a trash name decides who frees it (at most once, by
 * compare-and-swap instead of consensus), then one delete that is durable for all. Call under the volume's lock.
 */
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import type { VolumeRecord } from '../machine/entry.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import { allDone } from './all-done.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { isPlain, parseTrash, trashName } from './names.js';

/** Deletes these entries of the publish directory; a name that is gone is no error. Durable when it resolves. */
export async function discardNames(
  context: Context,
  driver: VolumeDriver,
  place: VolumeRecord,
  names: readonly string[],
): Promise<void> {
  const trash: string[] = [];
  for (const name of names) {
    if (isPlain(name)) continue;
    const claimed = await claim(context, driver, place, name);
    if (claimed !== null) trash.push(claimed);
  }
  if (trash.length > 0) await driver.remove(place, trash);
  const plain = names.filter((name) => isPlain(name));
  if (plain.length === 0) return;
  await atVolume(place, async () =>
    context.files.withOwned(place.publishDirectory, async (here) =>
      allDone(plain.map(async (name) => context.files.removeFile(join(here, name)))),
    ),
  );
  await driver.sync(place);
}

async function claim(
  context: Context,
  driver: VolumeDriver,
  place: VolumeRecord,
  name: string,
): Promise<string | null> {
  if (parseTrash(name) !== null) return name;
  const id = Buffer.from(context.random.bytes(10)).toString('hex');
  const trash = trashName(context.log.identity.cluster, id);
  crashPoint('trash.before-rename');
  const outcome = await driver.rename(place, name, trash);
  crashPoint('trash.after-rename');
  return outcome === 'renamed' ? trash : null;
}

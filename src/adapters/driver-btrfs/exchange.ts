/**
 * Exchanging the live tree with a clone. The live tree is read-only by then and must not become writable for a moment
 * (T7), but a read-only subvolume can only be renamed within its directory. Hence three renames: the clone goes beside
 * the live tree, the two are exchanged (the one step that readers see), and the replaced tree, which no path leads to
 * any more, goes to the publish directory under the clone's name.
 *
 * Every step is judged by identities, never by what was done before: a crash anywhere in between, and a second call,
 * continue from where the trees are (T8).
 */
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { crashPoint } from '../../crash-points.js';
import { SnapcommitError } from '../../errors.js';
import { isReadOnly, setReadOnly, subvolumeInfo } from '../../native/btrfs.js';
import { detachMount, mountBeneath, mountSubvolume } from '../../native/mount-swap.js';
import { renameExchange, renameNoReplace } from '../../native/rename.js';
import { syncDirectory } from '../../native/sync.js';
import { type Mount, mountsAt, readMounts } from '../../native/mountinfo.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { entryPath, translated, withDirectory } from './place.js';
import { asideName, shownAside, withSite, type Site } from './site.js';
import { look } from './snapshots.js';

export interface Identities {
  readonly base: string;
  readonly clone: string;
}

export async function exchange(
  volume: VolumePlace,
  cloneName: string,
  identities: Identities,
): Promise<'exchanged' | 'done'> {
  entryPath(volume, cloneName);
  return translated(volume, 'exchange', volume.source, 'UNAVAILABLE', () =>
    withSite(volume, async (site) => {
      const live = join(site.parent, site.name);
      const shown = await idAt(live);
      if (shown !== identities.base && shown !== identities.clone)
        throw conflict(volume, volume.source, shown, identities);
      if (shown === identities.base) await exchangeTrees(volume, site, cloneName, identities);
      // these two are owed as well by whoever crashed after the exchange
      const replaced = await replaceMount(volume, site, identities);
      await settle(site, cloneName, identities);
      crashPoint('exchange.after');
      return shown === identities.base || replaced ? 'exchanged' : 'done';
    }),
  );
}

async function idAt(path: string): Promise<string | null> {
  return (await look(path))?.id ?? null;
}

async function exchangeTrees(volume: VolumePlace, site: Site, cloneName: string, wanted: Identities): Promise<void> {
  const aside = join(site.parent, asideName(site.name));
  const live = join(site.parent, site.name);
  const waiting = join(site.publish, cloneName);
  const beside = await look(aside);
  if (beside === null) {
    const found = await idAt(waiting);
    if (found !== wanted.clone) throw conflict(volume, entryPath(volume, cloneName), found, wanted);
    await makeReadOnly(waiting, false);
    await renameNoReplace(waiting, aside);
  } else if (beside.id !== wanted.clone) {
    throw occupied(volume, shownAside(volume, site), beside.id, wanted);
  }
  crashPoint('exchange.before');
  await renameExchange(live, aside);
  crashPoint('exchange.after-exchange');
}

/** Where the live path is a mount point: it goes on showing the replaced tree until its mount is replaced from beneath. */
async function replaceMount(volume: VolumePlace, site: Site, wanted: Identities): Promise<boolean> {
  // the exchange is durable before a reader can see it through the new mount
  await syncDirectory(site.parent);
  crashPoint('exchange.after-first-sync');
  if (site.mounted === null || (await idAt(volume.source)) === wanted.clone) return false;
  const [upper, ...lower] = mountsAt(readMounts('self'), volume.source);
  if (upper === undefined) return false;
  // a crash between the two calls left ours beneath already
  if (!lower.some(({ root, device }) => root === `/${site.mounted?.path ?? ''}` && device === upper.device))
    await putBeneath(volume, site, site.mounted.device, wanted, upper);
  crashPoint('exchange.after-mount-beneath');
  detachMount(volume.source);
  return true;
}

/** By its number, which is read from the tree that was looked at: whatever its path leads to by then. */
async function putBeneath(
  volume: VolumePlace,
  { parent, name }: Site,
  device: string,
  wanted: Identities,
  upper: Mount,
): Promise<void> {
  const live = join(parent, name);
  const number = await withDirectory(live, (fd) => {
    const { id, uuid } = subvolumeInfo(fd, live);
    if (uuid !== wanted.clone) throw conflict(volume, volume.source, uuid, wanted);
    return id;
  });
  const detached = mountSubvolume(device, number);
  try {
    mountBeneath(detached, volume.source, upper.options);
  } finally {
    closeSync(detached);
  }
}

/** Moves the replaced tree from beside the live one to the clone's name, read-only, and syncs both directories. */
async function settle(site: Site, cloneName: string, wanted: Identities): Promise<void> {
  const aside = join(site.parent, asideName(site.name));
  const kept = join(site.publish, cloneName);
  if ((await idAt(aside)) === wanted.base) {
    await makeReadOnly(aside, false);
    await renameNoReplace(aside, kept);
    crashPoint('exchange.after-move');
  }
  if ((await idAt(kept)) === wanted.base) await makeReadOnly(kept, true);
  await syncDirectory(site.publish);
  await syncDirectory(site.parent);
}

function makeReadOnly(path: string, readOnly: boolean): Promise<void> {
  return withDirectory(path, async (fd) => {
    if (isReadOnly(fd, path) !== readOnly) await setReadOnly(fd, readOnly, path);
  });
}

function occupied(volume: VolumePlace, path: string, found: string | null, wanted: Identities): SnapcommitError {
  const message = `volume ${volume.name}: nothing was exchanged, since ${path} is in the way; move it away, then run snapcommit recover`;
  return new SnapcommitError('CONFLICT', message, { volume: volume.name, path, found, ...wanted });
}

function conflict(volume: VolumePlace, path: string, found: string | null, wanted: Identities): SnapcommitError {
  const what = found === null ? 'holds no subvolume' : `holds the subvolume ${found}`;
  const message = `volume ${volume.name}: nothing was exchanged, since ${path} ${what}, and not ${wanted.base} or its clone ${wanted.clone}; somebody replaced it, see what it is`;
  return new SnapcommitError('CONFLICT', message, { volume: volume.name, path, found, ...wanted });
}

/**
 * Making an entry: a snapshot or a clone is a copy that becomes whole in one step, when its identity file appears. What
 * fails on the way is removed; what a crash leaves has no identity and is listed as no snapshot.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdir } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { syncDirectory, syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { copyTree } from './copy-tree.js';
import { copyFailure, errnoOf, isMissing, volumeFailure } from './failures.js';
import { treeIdentity, writeIdentity, type Identity } from './identity.js';
import { writeIndex } from './index-file.js';
import { entryPaths, type EntryPaths } from './layout.js';
import { needsContent, recordListing } from './listing.js';
import { removeEntry } from './remove.js';
import { refuseMounts } from './source.js';

/** A snapshot `name` of the tree at `source`. Durable when it resolves. */
export async function makeSnapshot(
  volume: VolumePlace,
  source: string,
  name: string,
): Promise<{ readonly id: string }> {
  return makeEntry(volume, source, name, async (paths) => {
    const { skippedSockets } = await copyTree(volume.name, source, paths.tree);
    const digest = await writeIndex(paths.tree, paths.index);
    return { format: 1, kind: 'snapshot', id: randomUUID(), digest, ofLive: false, skippedSockets };
  });
}

/** A writable clone `name` of the tree at `source`; `ofLive`: the live tree's, so that changes to that can be told. */
export async function makeClone(
  volume: VolumePlace,
  source: string,
  name: string,
  ofLive: boolean,
): Promise<{ readonly id: string }> {
  return makeEntry(volume, source, name, async (paths) => {
    if (ofLive) await recordListing(source, paths.listing);
    const { skippedSockets } = await copyTree(volume.name, source, paths.tree);
    const digest = ofLive && (await needsContent(source)) ? await writeIndex(paths.tree, paths.index) : null;
    return { format: 1, kind: 'clone', id: await treeIdentity(paths.tree), digest, ofLive, skippedSockets };
  });
}

async function makeEntry(
  volume: VolumePlace,
  source: string,
  name: string,
  fill: (paths: EntryPaths) => Promise<Identity>,
): Promise<{ readonly id: string }> {
  const paths = entryPaths(volume, name);
  await refuseMounts(volume.name, source);
  await treeIdentity(source).catch((error: unknown) => {
    throw volumeFailure(volume.name, source, error, 'STAGE_FAILED');
  });
  await makeWrapper(volume, paths.wrapper, name);
  try {
    const identity = await fill(paths);
    await syncFilesystem(paths.wrapper);
    await writeIdentity(paths.wrapper, paths.identity, identity);
    await syncDirectory(volume.publishDirectory);
    return { id: identity.id };
  } catch (error) {
    await removeEntry(volume, paths.wrapper, paths.identity).catch(() => undefined);
    throw copyFailure(volume.name, source, error);
  }
}

/** The name is taken by this one call, so that two rounds can never fill the same entry (T3). */
async function makeWrapper(volume: VolumePlace, wrapper: string, name: string): Promise<void> {
  try {
    await mkdir(wrapper, { mode: 0o755 });
    // readers that are not root follow published paths, whatever our umask
    await chmod(wrapper, 0o755);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') {
      throw volumeFailure(volume.name, isMissing(error) ? volume.publishDirectory : wrapper, error, 'STAGE_FAILED');
    }
    throw new SnapcommitError(
      'STAGED_NAME_EXISTS',
      `volume ${volume.name}: ${wrapper} exists already; every round stages under a new name, so something else made it`,
      { volume: volume.name, name },
    );
  }
}

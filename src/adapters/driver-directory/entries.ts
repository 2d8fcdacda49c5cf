/**
 * Making an entry: a snapshot or a clone is a copy that becomes whole in one step, when its identity file appears. What
 * fails on the way is removed; what a crash leaves has no identity and is listed as no snapshot.
 */
import { randomUUID } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { SnapcommitError } from '../../errors.js';
import { handlePath } from '../../native/at.js';
import { syncFilesystem } from '../../native/sync.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { copyTree } from './copy-tree.js';
import { copyFailure, errnoOf, isMissing, volumeFailure } from './failures.js';
import { treeIdentity, writeIdentity, type Identity } from './identity.js';
import { writeIndex } from './index-file.js';
import { entryPaths, pathsIn, type EntryPaths } from './layout.js';
import { needsContent, recordListing } from './listing.js';
import { makeWrapper, withPublishDirectory } from './publish-directory.js';
import { removeEntry } from './remove.js';
import { refuseMounts } from './source.js';

/** A snapshot `name` of the tree at `source`. Durable when it resolves. */
export async function makeSnapshot(
  volume: VolumePlace,
  source: string,
  name: string,
): Promise<{ readonly id: string }> {
  return makeEntry(volume, source, name, async (paths, shown) => {
    const { skippedSockets } = await copyTree(volume.name, source, paths.tree, false);
    const digest = await writeIndex(paths.tree, paths.index, shown.tree);
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
  return makeEntry(volume, source, name, async (paths, shown) => {
    if (ofLive) await recordListing(source, paths.listing);
    const { skippedSockets } = await copyTree(volume.name, source, paths.tree, true);
    const digest =
      ofLive && (await needsContent(source)) ? await writeIndex(paths.tree, paths.index, shown.tree) : null;
    return { format: 1, kind: 'clone', id: await treeIdentity(paths.tree), digest, ofLive, skippedSockets };
  });
}

async function makeEntry(
  volume: VolumePlace,
  source: string,
  name: string,
  fill: (paths: EntryPaths, shown: EntryPaths) => Promise<Identity>,
): Promise<{ readonly id: string }> {
  const shown = entryPaths(volume, name);
  await refuseMounts(volume.name, source);
  await treeIdentity(source).catch((error: unknown) => {
    throw volumeFailure(volume.name, source, error, 'STAGE_FAILED');
  });
  return withPublishDirectory(volume, 'STAGE_FAILED', async (publish, place) => {
    const wrapper = await takeName(volume, publish, name);
    try {
      const paths = pathsIn(handlePath(wrapper));
      const identity = await fill(paths, shown);
      await syncFilesystem(paths.wrapper);
      await writeIdentity(paths.wrapper, paths.identity, identity);
      await publish.sync();
      return { id: identity.id };
    } catch (error) {
      await removeEntry(place, name, shown.wrapper).catch(() => undefined);
      throw copyFailure(volume.name, source, error);
    } finally {
      await wrapper.close();
    }
  });
}

/** The name is taken by this one call, so that two rounds can never fill the same entry (T3). */
async function takeName(volume: VolumePlace, publish: FileHandle, name: string): Promise<FileHandle> {
  const { wrapper } = entryPaths(volume, name);
  try {
    return await makeWrapper(volume, publish, name);
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

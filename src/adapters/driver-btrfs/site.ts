/**
 * Where an exchange is done: the directory that holds the live tree and the publish directory, both seen through one
 * mount, since a rename between two mounts of one filesystem fails. Where the live path is a mount point, or the two
 * stand in different mounts, that is a detached mount of the filesystem's top level.
 */
import { closeSync, fstatSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { mountSubvolume } from '../../native/mount-swap.js';
import { mountOf, mountsAt, readMounts } from '../../native/mountinfo.js';
import { pathOfOpen } from '../../native/owned-directory.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { pathInFilesystem } from './mounts.js';
import { withDirectory, withPublishDirectory } from './place.js';
import { look } from './snapshots.js';

/** The number of every filesystem's top level as a subvolume. */
const TOP_LEVEL = 5n;

interface LiveSite {
  /** The directory that holds the live tree, and its name there. */
  readonly parent: string;
  readonly name: string;
  /** The publish directory through the detached top level; null where there is none. */
  readonly publishFrom: string | null;
  /** Where the live path is a mount point: the filesystem's device, and the live tree's path from its top level. */
  readonly mounted: { readonly device: string; readonly path: string } | null;
}

/** Every path leads through what is open, and is valid until the action that has it ends. */
export interface Site extends LiveSite {
  readonly publish: string;
}

/**
 * The name, beside the live tree, that the clone has just before the exchange and the replaced tree has just after it.
 * It tells the live tree's own name, so that a mount that shows the replaced tree leads back to it.
 */
export function asideName(name: string): string {
  return `.${name}${ASIDE_SUFFIX}`;
}
const ASIDE_SUFFIX = '.snapcommit-exchange';
const NAME_BYTES_MAX = 255;

/** The same name with its directory, for people. */
export function shownAside({ source }: VolumePlace, { name, mounted }: LiveSite): string {
  if (mounted === null) return join(dirname(source), asideName(name));
  return `${join('/', dirname(mounted.path), asideName(name))}, below the top level (subvolid=5) of the filesystem of ${source}`;
}

/** Why that name cannot be taken, for people; null where it can. After a commit an exchange that cannot go on would be there for good. */
export async function obstacleAside(volume: VolumePlace): Promise<string | null> {
  return withLiveSite(volume, async (site) => {
    const aside = asideName(site.name);
    const shown = shownAside(volume, site);
    if (Buffer.byteLength(aside) > NAME_BYTES_MAX)
      return `the name of ${volume.source} is too long: the exchange needs ${aside} beside it, and a name has at most ${String(NAME_BYTES_MAX)} bytes; give it a shorter name`;
    if ((await look(join(site.parent, aside))) === null) return null;
    return `the name that the exchange needs is taken: ${shown}; if an interrupted swap left it, snapcommit recover finishes that, otherwise move it away`;
  });
}

function liveNameOf(name: string): string {
  const aside = name.startsWith('.') && name.endsWith(ASIDE_SUFFIX);
  return aside ? name.slice(1, -ASIDE_SUFFIX.length) : name;
}

export async function withSite<T>(volume: VolumePlace, action: (site: Site) => Promise<T>): Promise<T> {
  return withLiveSite(volume, (site) =>
    withPublishDirectory(volume, ({ here, fd }) => {
      if (site.publishFrom === null) return action({ ...site, publish: here });
      return withDirectory(site.publishFrom, (other) => {
        if (!isSame(fd, other)) throw unmounted(volume);
        return action({ ...site, publish: pathOfOpen(other) });
      });
    }),
  );
}

function isSame(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one), fstatSync(other)];
  return a.dev === b.dev && a.ino === b.ino;
}

async function withLiveSite<T>(volume: VolumePlace, action: (site: LiveSite) => Promise<T>): Promise<T> {
  const { source, publishDirectory } = volume;
  const mounts = readMounts('self');
  const [mount] = mountsAt(mounts, source);
  const around = mount ?? mountOf(mounts, source);
  const publishMount = mountOf(mounts, publishDirectory);
  if (around === undefined || publishMount === undefined) throw unmounted(volume);
  if (mount === undefined && around.id === publishMount.id) {
    const name = basename(source);
    return withDirectory(dirname(source), (parent) =>
      action({ parent: pathOfOpen(parent), name, publishFrom: null, mounted: null }),
    );
  }

  const topLevelFd = mountSubvolume(around.source, TOP_LEVEL);
  try {
    const root = pathOfOpen(topLevelFd);
    const path = pathInFilesystem(around, source);
    const name = liveNameOf(basename(path));
    const mounted = mount === undefined ? null : { device: around.source, path: join(dirname(path), name).slice(1) };
    const publishFrom = join(root, pathInFilesystem(publishMount, publishDirectory));
    return await withDirectory(join(root, dirname(path)), (parent) =>
      action({ parent: pathOfOpen(parent), name, publishFrom, mounted }),
    );
  } finally {
    closeSync(topLevelFd);
  }
}

function unmounted(volume: VolumePlace): SnapcommitError {
  const message = `volume ${volume.name}: no mount shows ${volume.source} and ${volume.publishDirectory}; mount them`;
  return new SnapcommitError('VOLUME_UNAVAILABLE', message, { volume: volume.name, path: volume.source });
}

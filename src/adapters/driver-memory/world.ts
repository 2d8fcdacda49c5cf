/**
 * Volumes in memory, for simulation: what the driver acts on, with the tests' own handles on it. Every volume is an
 * immutable image; a crash goes back to the newest image that was made durable, or to a later one that happened to
 * reach the disk, as a journal would have it.
 */
import { SnapcommitError } from '../../errors.js';

export interface MemoryTree {
  readonly id: string;
  readonly readOnly: boolean;
  readonly files: ReadonlyMap<string, string>;
}

export interface MemoryEntry {
  readonly tree: MemoryTree;
  /** Clones of the live tree: what that held. */
  readonly base: ReadonlyMap<string, string> | null;
}

export interface MemoryImage {
  readonly live: MemoryTree;
  readonly prepared: boolean;
  /** By name in the publish directory; null for what is no snapshot. */
  readonly entries: ReadonlyMap<string, MemoryEntry | null>;
}

export interface MemoryWorld {
  /** Makes a volume whose live tree holds `files`, by default in a pool of its own. */
  addVolume(source: string, files?: Readonly<Record<string, string>>, pool?: string): void;
  poolOf(source: string): string;
  /** Takes the disk away, or gives it back as it was. */
  setAvailable(source: string, available: boolean): void;
  setFreeBytes(source: string, bytes: number): void;
  /** The image as programs see it; throws VOLUME_UNAVAILABLE where there is none, naming `volume` where it is given. */
  image(source: string, volume?: string): MemoryImage;
  /** What a power loss now would leave at least. */
  durableImage(source: string): MemoryImage;
  freeBytes(source: string): number;
  /** Goes on to `image`; `durable`: it and everything before it survive a crash from now on. */
  advance(source: string, image: MemoryImage, durable: boolean): void;
  /** A new identity, never used before. */
  newId(): string;
  /** Writes (null: deletes) a file of the live tree (`name` null) or of a clone. Throws where that is read-only. */
  write(source: string, name: string | null, path: string, content: string | null): void;
  read(source: string, name: string | null, path: string): string | null;
  /** Puts something in the publish directory that is no snapshot. */
  addForeign(source: string, name: string): void;
  /**
   * Power loss. Of a volume's changes that are not durable, in order, the first `kept` survive; by default none. A kept
   * count beyond their number keeps them all.
   */
  crash(kept?: (source: string, pending: number) => number): void;
}

interface Volume {
  readonly pool: string;
  durable: MemoryImage;
  /** The images after each change that is not durable, oldest first. */
  pending: readonly MemoryImage[];
  available: boolean;
  freeBytes: number;
}

const FREE_BYTES = 1e12;

export function createMemoryWorld(): MemoryWorld {
  const volumes = new Map<string, Volume>();
  let ids = 0;
  const newId = (): string => `memory-${String((ids += 1))}`;
  const find = (source: string, name?: string): Volume => {
    const volume = volumes.get(source);
    if (volume !== undefined) return volume;
    throw missing(source, name);
  };
  const image = (source: string, name?: string): MemoryImage => {
    const volume = find(source, name);
    if (!volume.available) throw missing(source, name);
    return volume.pending.at(-1) ?? volume.durable;
  };
  const advance = (source: string, next: MemoryImage, durable: boolean): void => {
    const volume = find(source);
    if (durable) volume.durable = next;
    volume.pending = durable ? [] : [...volume.pending, next];
  };
  return {
    addVolume: (source, files = {}, pool = source) => {
      const live = { id: newId(), readOnly: false, files: new Map(Object.entries(files)) };
      const durable = { live, prepared: false, entries: new Map() };
      volumes.set(source, { pool, durable, pending: [], available: true, freeBytes: FREE_BYTES });
    },
    poolOf: (source) => find(source).pool,
    setAvailable: (source, available) => {
      find(source).available = available;
    },
    setFreeBytes: (source, bytes) => {
      find(source).freeBytes = bytes;
    },
    freeBytes: (source) => find(source).freeBytes,
    image,
    durableImage: (source) => find(source).durable,
    advance,
    newId,
    write: (source, name, path, content) => {
      advance(source, withFile(image(source), name, path, content), false);
    },
    read: (source, name, path) => treeOf(image(source), name).files.get(path) ?? null,
    addForeign: (source, name) => {
      const before = image(source);
      advance(source, { ...before, entries: new Map(before.entries).set(name, null) }, true);
    },
    crash: (kept = () => 0) => {
      for (const [source, volume] of volumes) {
        const count = kept(source, volume.pending.length);
        if (count > 0) volume.durable = volume.pending[count - 1] ?? volume.pending.at(-1) ?? volume.durable;
        volume.pending = [];
      }
    },
  };
}

function missing(source: string, name = ''): SnapcommitError {
  return new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${name}: ${source} is not there`, { volume: name, source });
}

function treeOf(image: MemoryImage, name: string | null): MemoryTree {
  const tree = name === null ? image.live : image.entries.get(name)?.tree;
  if (tree === undefined) throw new Error(`there is no tree ${name ?? 'live'}`);
  return tree;
}

function withFile(image: MemoryImage, name: string | null, path: string, content: string | null): MemoryImage {
  const tree = treeOf(image, name);
  if (tree.readOnly) throw Object.assign(new Error(`${path} lies in a read-only tree`), { code: 'EROFS' });
  const files = new Map(tree.files);
  if (content === null) files.delete(path);
  else files.set(path, content);
  const changed = { ...tree, files };
  if (name === null) return { ...image, live: changed };
  const entry = { tree: changed, base: image.entries.get(name)?.base ?? null };
  return { ...image, entries: new Map(image.entries).set(name, entry) };
}

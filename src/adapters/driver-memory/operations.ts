/** What the memory driver's calls do to a world, each in one step. */
import { dirname, join } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import type { FreeSpace, Inspection, Listed, VolumePlace } from '../../ports/volume-driver.js';
import type { MemoryEntry, MemoryImage, MemoryTree, MemoryWorld } from './world.js';

/** Called at each effect boundary inside a call; whoever throws there crashes the call there. */
export type Boundary = (boundary: string, volume: string) => void;

export function published(world: MemoryWorld, volume: VolumePlace): MemoryImage {
  const image = world.image(volume.source, volume.name);
  if (image.prepared) return image;
  throw new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${volume.name}: ${volume.publishDirectory} is not there`, {
    volume: volume.name,
  });
}

export function change(
  world: MemoryWorld,
  volume: VolumePlace,
  durable: boolean,
  next: (image: MemoryImage) => MemoryImage,
): void {
  world.advance(volume.source, next(world.image(volume.source, volume.name)), durable);
}

export function treeOf(world: MemoryWorld, volume: VolumePlace, name: string): MemoryTree {
  const entry = published(world, volume).entries.get(checkName(volume, name)) ?? null;
  if (entry !== null) return entry.tree;
  throw new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${volume.name}: there is no snapshot or clone ${name}`, {
    volume: volume.name,
    name,
  });
}

export function make(
  world: MemoryWorld,
  volume: VolumePlace,
  name: string,
  from: MemoryTree,
  { readOnly, ofLive }: { readonly readOnly: boolean; readonly ofLive: boolean },
): { readonly id: string } {
  const image = checkAbsent(world, volume, name);
  const tree = { id: world.newId(), readOnly, files: from.files };
  const entry: MemoryEntry = { tree, base: ofLive ? from.files : null };
  // a writable clone need not be durable; a snapshot commits the whole filesystem
  world.advance(volume.source, { ...image, entries: new Map(image.entries).set(name, entry) }, readOnly);
  return { id: tree.id };
}

export function checkAbsent(world: MemoryWorld, volume: VolumePlace, name: string): MemoryImage {
  const image = published(world, volume);
  if (!image.entries.has(checkName(volume, name))) return image;
  throw new SnapcommitError('STAGED_NAME_EXISTS', `volume ${volume.name}: ${name} exists already`, {
    volume: volume.name,
    name,
  });
}

export function rename(world: MemoryWorld, volume: VolumePlace, from: string, to: string): 'renamed' | 'absent' {
  const image = moved(published(world, volume), volume, from, to);
  if (image === null) return 'absent';
  world.advance(volume.source, image, false);
  return 'renamed';
}

/** The image with an entry renamed; null where there is none of that name. */
export function moved(image: MemoryImage, volume: VolumePlace, from: string, to: string): MemoryImage | null {
  checkName(volume, to);
  const entry = image.entries.get(checkName(volume, from));
  if (entry === undefined) return null;
  if (image.entries.has(to)) {
    throw new SnapcommitError(
      'EXISTS',
      `volume ${volume.name}: ${to} exists already, so ${from} was not renamed to it`,
      { volume: volume.name, name: to },
    );
  }
  const entries = new Map(image.entries).set(to, entry);
  entries.delete(from);
  return { ...image, entries };
}

export function changedSince(
  world: MemoryWorld,
  volume: VolumePlace,
  cloneName: string,
  limit: number,
): readonly string[] {
  treeOf(world, volume, cloneName);
  const image = published(world, volume);
  const base = image.entries.get(cloneName)?.base ?? null;
  if (base === null) return [];
  const files = image.live.files;
  const paths = [...new Set([...base.keys(), ...files.keys()])].sort();
  return paths.filter((path) => base.get(path) !== files.get(path)).slice(0, limit);
}

export function exchange(
  world: MemoryWorld,
  volume: VolumePlace,
  cloneName: string,
  identities: { readonly base: string; readonly clone: string },
  boundary: Boundary,
): 'exchanged' | 'done' {
  const image = published(world, volume);
  if (image.live.id === identities.clone) {
    world.advance(volume.source, image, true);
    return 'done';
  }
  const entry = image.entries.get(checkName(volume, cloneName)) ?? null;
  if (image.live.id !== identities.base || entry?.tree.id !== identities.clone) {
    throw new SnapcommitError(
      'CONFLICT',
      `volume ${volume.name}: ${volume.source} is neither the tree that was cloned nor the clone`,
      {
        volume: volume.name,
        found: image.live.id,
      },
    );
  }
  boundary('exchange.before', volume.name);
  const entries = new Map(image.entries).set(cloneName, { tree: image.live, base: null });
  world.advance(volume.source, { ...image, live: entry.tree, entries }, false);
  boundary('exchange.after-exchange', volume.name);
  world.advance(volume.source, world.image(volume.source, volume.name), true);
  boundary('exchange.after', volume.name);
  return 'exchanged';
}

export function remove(world: MemoryWorld, volume: VolumePlace, names: readonly string[], boundary: Boundary): void {
  for (const name of names) checkName(volume, name);
  boundary('remove.before', volume.name);
  for (const [index, name] of names.entries()) {
    const image = published(world, volume);
    const entries = new Map(image.entries);
    entries.delete(name);
    world.advance(volume.source, { ...image, entries }, false);
    if (index === 0) boundary('remove.after-first', volume.name);
  }
  world.advance(volume.source, published(world, volume), true);
  boundary('remove.after', volume.name);
}
export function inspect(world: MemoryWorld, name: string, source: string, publish: string | null): Inspection {
  return {
    source,
    publishDirectory: publish ?? join(dirname(source), '.snapcommit', name),
    filesystem: `memory:${source}`,
    live: world.image(source, name).live.id,
    exchange: { possible: true },
  };
}

export function lookup(image: MemoryImage, name: string): Listed | null {
  const entry = image.entries.get(name);
  if (entry === undefined) return null;
  return { name, id: entry?.tree.id ?? null, readOnly: entry?.tree.readOnly ?? false };
}

export function checkName(volume: VolumePlace, name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)) return name;
  throw new SnapcommitError('NAME_INVALID', `${JSON.stringify(name)} is no name inside a publish directory`, {
    volume: volume.name,
    name,
  });
}

export function list(world: MemoryWorld, volume: VolumePlace): readonly Listed[] {
  const image = published(world, volume);
  const names = [...image.entries.keys()].sort();
  return names.map((name) => lookup(image, name)).filter((entry) => entry !== null);
}

export function freeSpace(world: MemoryWorld, volume: VolumePlace): FreeSpace {
  published(world, volume);
  const dataBytes = world.freeBytes(volume.source);
  return { dataBytes, metadataBytes: dataBytes };
}

export function live(world: MemoryWorld, volume: VolumePlace): { readonly id: string; readonly readOnly: boolean } {
  const tree = world.image(volume.source, volume.name).live;
  return { id: tree.id, readOnly: tree.readOnly };
}

/**
 * The memory driver: a driver as good as btrfs (one point in time, read-only snapshots, an exchange that can be
 * repeated) over a MemoryWorld. For simulation and tests: no file is touched.
 */
import { join } from 'node:path';
import type { VolumeDriver } from '../../ports/volume-driver.js';
import { createFaults, type DriverMethod, type Faults } from './faults.js';
import {
  change,
  changedSince,
  checkName,
  exchange,
  freeSpace,
  inspect,
  list,
  live,
  lookup,
  make,
  published,
  remove,
  rename,
  treeOf,
  type Boundary,
} from './operations.js';
import { poolCalls } from './pools.js';
import { createMemoryWorld, type MemoryWorld } from './world.js';

export type MemoryDriver = VolumeDriver &
  Pick<Faults, 'failNext' | 'forgetFaults' | 'arriveLate'> & {
    readonly world: MemoryWorld;
    onBoundary: Boundary;
  };

/** `pooled`: volumes of one pool are staged and published in one call, as ZFS does; otherwise each by itself, as btrfs does. */
export function createMemoryDriver(world: MemoryWorld = createMemoryWorld(), pooled = false): MemoryDriver {
  const faults = createFaults();
  const boundary: Boundary = (name, volume) => {
    driver.onBoundary(name, volume);
  };
  const driver: MemoryDriver = {
    name: 'memory',
    capabilities: { pointInTime: true, readOnly: true },
    world,
    failNext: (method, error, effect) => {
      faults.failNext(method, error, effect);
    },
    forgetFaults: () => {
      faults.forgetFaults();
    },
    arriveLate: () => faults.arriveLate(),
    onBoundary: () => undefined,
    inspect: (name, source, publish) => act('inspect', () => inspect(world, name, source, publish)),
    prepare: (volume) =>
      act('prepare', () => {
        change(world, volume, true, (image) => ({ ...image, prepared: true }));
      }),
    freeSpace: (volume) => act('freeSpace', () => freeSpace(world, volume)),
    flush: (volume) =>
      act('flush', () => {
        change(world, volume, true, (image) => image);
      }),
    live: (volume) => act('live', () => live(world, volume)),
    stage: (volume, name) =>
      act('stage', () => make(world, volume, name, published(world, volume).live, { readOnly: true, ofLive: false })),
    openStage: null,
    nesting: null,
    pools: pooled ? poolCalls(world, act) : null,
    clone: (volume, name, from) =>
      act('clone', () => {
        const source = from === null ? published(world, volume).live : treeOf(world, volume, from);
        return make(world, volume, name, source, { readOnly: false, ofLive: from === null });
      }),
    seal: (volume, cloneName, name) =>
      act('seal', () => make(world, volume, name, treeOf(world, volume, cloneName), { readOnly: true, ofLive: false })),
    rename: (volume, from, to) => act('rename', () => rename(world, volume, from, to)),
    sync: (volume) =>
      act('sync', () => {
        world.advance(volume.source, published(world, volume), true);
      }),
    lookup: (volume, name) => act('lookup', () => lookup(published(world, volume), checkName(volume, name))),
    list: (volume) => act('list', () => list(world, volume)),
    path: (volume, name) => join(volume.publishDirectory, checkName(volume, name)),
    setLiveReadOnly: (volume, readOnly) =>
      act('setLiveReadOnly', () => {
        change(world, volume, true, (image) => ({ ...image, live: { ...image.live, readOnly } }));
      }),
    changedSince: (volume, cloneName, limit) =>
      act('changedSince', () => changedSince(world, volume, cloneName, limit)),
    exchange: (volume, cloneName, identities) =>
      act('exchange', () => exchange(world, volume, cloneName, identities, boundary)),
    remove: (volume, names) =>
      act('remove', () => {
        remove(world, volume, names, boundary);
      }),
    verifyContent: () => act('verifyContent', () => []),
    doubts: null,
  };
  return driver;

  function act<T>(method: DriverMethod, work: () => T): Promise<T> {
    // a throw becomes a rejection
    return faults.run(method, () => Promise.resolve().then(work));
  }
}

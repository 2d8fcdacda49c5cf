/**
 * The memory driver over a machine's volumes, together with the small files that lie in the same publish directories: one
 * listing shows both, and what commits the filesystem makes both durable.
 */
import type { MemoryDriver } from '#src/adapters/driver-memory/index.js';
import type { MemoryNodeFiles } from '#src/adapters/node-files-memory.js';
import type { Listed, PoolCalls, StageCall, VolumeDriver, VolumePlace } from '#src/ports/volume-driver.js';

export interface DriverWatch {
  /** A snapshot with this identity was made of the live tree as it is now. */
  staged(volume: VolumePlace, id: string): void;
}

export function withFiles(driver: MemoryDriver, files: MemoryNodeFiles, watch: DriverWatch): VolumeDriver {
  const names = async ({ publishDirectory }: VolumePlace): Promise<readonly string[]> =>
    files.listNames(publishDirectory);
  const committing =
    <A extends readonly unknown[], R>(act: (volume: VolumePlace, ...given: A) => Promise<R>) =>
    async (volume: VolumePlace, ...given: A): Promise<R> => {
      const result = await act(volume, ...given);
      files.syncTree(volume.publishDirectory);
      return result;
    };
  return {
    ...driver,
    prepare: async (volume) => {
      await driver.prepare(volume);
      files.addDirectory(volume.publishDirectory);
    },
    stage: committing(async (volume, name: string) => {
      const staged = await driver.stage(volume, name);
      watch.staged(volume, staged.id);
      return staged;
    }),
    pools: driver.pools === null ? null : withFilesOfPool(driver.pools, files, watch),
    seal: committing(driver.seal),
    flush: committing(driver.flush),
    sync: committing(driver.sync),
    exchange: committing(driver.exchange),
    list: async (volume) => {
      const listed = await driver.list(volume);
      const others = (await names(volume)).map((name): Listed => ({ name, id: null, readOnly: false }));
      return [...listed, ...others].sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    lookup: async (volume, name) => {
      const found = await driver.lookup(volume, name);
      if (found !== null || !(await names(volume)).includes(name)) return found;
      return { name, id: null, readOnly: false };
    },
  };
}

/** A pool's transaction writes everything that was changed in it. */
function withFilesOfPool(pools: PoolCalls, files: MemoryNodeFiles, watch: DriverWatch): PoolCalls {
  return {
    ...pools,
    openStage: async (volumes, name): Promise<StageCall> => {
      const call = await pools.openStage(volumes, name);
      const take = async (): Promise<void> => {
        await call.take();
        for (const volume of volumes) {
          watch.staged(volume, await call.identity(volume));
          files.syncTree(volume.publishDirectory);
        }
      };
      return { ...call, take };
    },
    rename: async (moves) => {
      await pools.rename(moves);
      for (const { volume } of moves) files.syncTree(volume.publishDirectory);
    },
  };
}

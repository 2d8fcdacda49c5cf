/** What the memory driver does with many volumes of one pool: everything is checked first, then done in one step. */
import { SnapcommitError } from '../../errors.js';
import type { Move, PoolCalls, VolumePlace } from '../../ports/volume-driver.js';
import { checkAbsent, make, moved, published } from './operations.js';
import type { MemoryWorld } from './world.js';

type Run = <T>(method: 'stage' | 'rename', work: () => T) => Promise<T>;

/** `run`: runs a call under the faults that wait for `stage` or `rename`. */
export function poolCalls(world: MemoryWorld, run: Run): PoolCalls {
  return {
    poolOf: (volume) => Promise.resolve().then(() => poolOf(world, volume)),
    openStage: async (volumes, name) => {
      assertOnePool(world, volumes);
      const made = new Map<string, string>();
      return Promise.resolve({
        take: () =>
          run('stage', () => {
            for (const volume of volumes) checkAbsent(world, volume, name);
            for (const volume of volumes) {
              const { live } = published(world, volume);
              made.set(volume.name, make(world, volume, name, live, { readOnly: true, ofLive: false }).id);
            }
          }),
        identity: (volume) => Promise.resolve(made.get(volume.name) ?? ''),
        close: () => Promise.resolve(),
      });
    },
    rename: (moves) =>
      run('rename', () => {
        renameAll(world, moves);
      }),
  };
}

function poolOf(world: MemoryWorld, { source, name }: VolumePlace): string {
  world.image(source, name);
  return world.poolOf(source);
}

/** As a kernel does: it answers EXDEV. */
function assertOnePool(world: MemoryWorld, volumes: readonly VolumePlace[]): void {
  const [first] = volumes;
  const other = volumes.find(
    ({ source }) => first !== undefined && world.poolOf(source) !== world.poolOf(first.source),
  );
  if (other === undefined) return;
  throw new TypeError(`volume ${other.name} stands in another pool than ${first?.name ?? ''}`);
}

/** Durable at once: a pool's transaction is written as a whole, so no power loss leaves a part of it. */
function renameAll(world: MemoryWorld, moves: readonly Move[]): void {
  assertOnePool(
    world,
    moves.map(({ volume }) => volume),
  );
  const images = moves.map(({ volume, from, to }) => {
    const image = moved(published(world, volume), volume, from, to);
    if (image !== null) return { volume, image };
    throw new SnapcommitError('VOLUME_UNAVAILABLE', `volume ${volume.name}: there is no ${from} to rename`, {
      volume: volume.name,
      name: from,
    });
  });
  for (const { volume, image } of images) world.advance(volume.source, image, true);
}

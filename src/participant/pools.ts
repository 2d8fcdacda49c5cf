/** Which volumes are acted on in one call: those of one pool, of drivers that have such calls; of all others each one. */
import type { VolumeRecord } from '../machine/entry.js';
import type { VolumeDriver } from '../ports/volume-driver.js';
import type { Context } from './context.js';

export interface Batch {
  readonly driver: VolumeDriver;
  /** In the order in which they were given. More than one only where `driver.pools` is there. */
  readonly places: readonly [VolumeRecord, ...VolumeRecord[]];
}

export async function byPool(context: Context, places: readonly VolumeRecord[]): Promise<readonly Batch[]> {
  const batches = new Map<string, Batch>();
  const placed = await Promise.all(places.map(async (place) => ({ place, ...(await poolOf(context, place)) })));
  for (const { place, driver, pool } of placed) {
    const known = batches.get(pool);
    batches.set(pool, { driver, places: known === undefined ? [place] : [...known.places, place] });
  }
  return [...batches.values()];
}

/** A volume that cannot tell its pool stands alone: whatever is done with it next says what is wrong. */
async function poolOf(context: Context, place: VolumeRecord): Promise<{ driver: VolumeDriver; pool: string }> {
  const driver = await context.driver(place.driver);
  const alone = `volume ${place.name}`;
  if (driver.pools === null) return { driver, pool: alone };
  const pool = await driver.pools.poolOf(place).catch(() => null);
  return { driver, pool: pool === null ? alone : `${place.driver} ${pool}` };
}

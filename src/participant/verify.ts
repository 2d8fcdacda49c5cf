/** Checking that a generation is what its manifest says: every snapshot there, itself, and read-only. */
import { join } from 'node:path';
import type { GenerationRecord, State } from '../machine/state.js';
import { isPublishedOn } from '../machine/queries.js';
import type { ManifestVolume } from '../machine/entry.js';
import type { Context } from './context.js';
import { publishedName } from './names.js';
import { localVolumes, messageOf, placeOf } from './publish.js';

export interface Problem {
  readonly group: string;
  readonly generation: number;
  readonly volume: string;
  readonly problem: string;
}

/** What is wrong with this node's volumes of one generation; empty: nothing. Never rejects for a broken volume. */
export async function verifyGeneration(
  context: Context,
  state: State,
  record: GenerationRecord,
): Promise<readonly Problem[]> {
  const found = await Promise.all(
    localVolumes(context, state, record).map(async (volume) => {
      const problems = await verifyVolume(context, state, record, volume).catch((error: unknown) => [messageOf(error)]);
      const { group, generation } = record;
      return problems.map((problem) => ({ group, generation, volume: volume.volume, problem }));
    }),
  );
  return found.flat();
}

async function verifyVolume(
  context: Context,
  state: State,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<readonly string[]> {
  const place = placeOf(state, volume.volume);
  const driver = await context.driver(volume.driver);
  const published = isPublishedOn(state, context.self.node, record.group, record.generation);
  const name = published ? publishedName(record.group, record.generation) : volume.staged;
  const path = join(place.publishDirectory, name);
  const found = await driver.lookup(place, name);
  if (found === null) return [`${path} is gone`];
  if (found.id !== volume.id) return [`${path} has identity ${found.id ?? 'none'}, the manifest says ${volume.id}`];
  if (!found.readOnly && driver.capabilities.readOnly) return [`${path} is writable`];
  return driver.verifyContent(place, name);
}

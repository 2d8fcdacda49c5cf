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

/** A problem that proves nothing: whoever restores is warned, and not refused. */
type Finding = Problem & { readonly doubt: boolean };

/** What is wrong with this node's volumes of one generation; empty: nothing. Never rejects for a broken volume. */
export async function verifyGeneration(
  context: Context,
  state: State,
  record: GenerationRecord,
): Promise<readonly Problem[]> {
  return (await findingsOf(context, state, record)).map(problemOf);
}

/** As `verifyGeneration`, before a restore: without what is doubtful, which is reported. */
export async function damageOf(context: Context, state: State, record: GenerationRecord): Promise<readonly Problem[]> {
  const found = await findingsOf(context, state, record);
  for (const { doubt, volume, problem } of found)
    if (doubt) context.report({ kind: 'warning', message: `volume ${volume}: ${problem}` });
  return found.filter(({ doubt }) => !doubt).map(problemOf);
}

function problemOf({ group, generation, volume, problem }: Finding): Problem {
  return { group, generation, volume, problem };
}

async function findingsOf(context: Context, state: State, record: GenerationRecord): Promise<readonly Finding[]> {
  const { group, generation } = record;
  const found = await Promise.all(
    localVolumes(context, state, record).map(async (volume) => {
      const { damage, doubts } = await verifyVolume(context, state, record, volume).catch((error: unknown) =>
        damaged(messageOf(error)),
      );
      const told = (problem: string, doubt: boolean): Finding => ({
        group,
        generation,
        volume: volume.volume,
        problem,
        doubt,
      });
      return [...damage.map((problem) => told(problem, false)), ...doubts.map((problem) => told(problem, true))];
    }),
  );
  return found.flat();
}

interface Judged {
  readonly damage: readonly string[];
  readonly doubts: readonly string[];
}

function damaged(problem: string): Judged {
  return { damage: [problem], doubts: [] };
}

async function verifyVolume(
  context: Context,
  state: State,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<Judged> {
  const place = placeOf(state, volume.volume);
  const driver = await context.driver(volume.driver);
  const published = isPublishedOn(state, context.self.node, record.group, record.generation);
  const name = published ? publishedName(record.group, record.generation) : volume.staged;
  const path = join(place.publishDirectory, name);
  const found = await driver.lookup(place, name);
  if (found === null) return damaged(`${path} is gone`);
  if (found.id !== volume.id)
    return damaged(`${path} has identity ${found.id ?? 'none'}, the manifest says ${volume.id}`);
  if (!found.readOnly && driver.capabilities.readOnly) return damaged(`${path} is writable`);
  return {
    damage: await driver.verifyContent(place, name),
    doubts: driver.doubts === null ? [] : await driver.doubts(place, name),
  };
}

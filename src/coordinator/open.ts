/**
 * Reading a generation: which paths hold it. By default the newest committed one at a linearizable read; a publish that
 * is still pending on this node is finished first.
 */
import { sortedUnique } from '../machine/record.js';
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import { isPublishedOn, newestComplete, nodeOf } from '../machine/queries.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { publishedName } from '../participant/names.js';
import { localVolumes, messageOf, pathHere } from '../participant/publish.js';
import { assertStamps } from '../participant/stamps.js';
import { viewDirectory } from '../participant/views.js';
import { requireGroup } from './begin.js';
import { requireRecord } from './commit.js';
import { findStanding, isStale } from './open-stale.js';
import { append } from '../participant/append.js';
import { pendingHere, publishForAnother } from '../participant/publishing.js';

export interface OpenRequest {
  readonly group: string;
  /** null: the newest complete one. */
  readonly generation: number | null;
  /** Holds it under this tag, so that prune leaves it alone. */
  readonly hold: string | null;
  /** Only the volumes of this node; refused (UNAVAILABLE) where it has none of them. */
  readonly localOnly?: boolean;
}

export interface OpenedVolume {
  readonly node: string;
  /** null: another node's. */
  readonly path: string | null;
}

export interface Opened {
  readonly record: GenerationRecord;
  readonly view: string;
  readonly volumes: Readonly<Record<string, OpenedVolume>>;
}

export async function open(context: Context, request: OpenRequest): Promise<Opened> {
  const state = await readPublished(context, request);
  const find = isStale(context) ? findStanding : findGeneration;
  const record = await find(context, state, request.group, request.generation);
  const wanted = request.localOnly === true ? requireLocal(context, state, record) : record.manifest.volumes;
  const volumes = await Promise.all(
    wanted.map(async (volume): Promise<[string, OpenedVolume]> => [
      volume.volume,
      { node: nodeOf(state, volume), path: await pathOf(context, state, record, volume) },
    ]),
  );
  // Last: what is refused holds nothing.
  if (request.hold !== null) {
    await append(context, { type: 'addHold', group: record.group, generation: record.generation, tag: request.hold });
  }
  const view = join(
    viewDirectory(context.stateDirectory, record.group),
    publishedName(record.group, record.generation),
  );
  return { record, view, volumes: Object.fromEntries(volumes) };
}

async function pathOf(
  context: Context,
  state: State,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<string | null> {
  return isStale(context)
    ? pathHere(context, state, volume.volume, publishedName(record.group, record.generation))
    : publishedPath(context, state, record, volume);
}

/** The volumes of a generation that are on this node. @throws UNAVAILABLE where it has none of them. */
export function requireLocal(context: Context, state: State, record: GenerationRecord): readonly ManifestVolume[] {
  const local = localVolumes(context, state, record);
  if (local.length > 0) return local;
  const { group, generation } = record;
  const nodes = sortedUnique(record.manifest.volumes.map((volume) => nodeOf(state, volume)));
  throw new SnapcommitError(
    'UNAVAILABLE',
    `no volume of ${generationKey(group, generation)} is on this node, ${context.self.node}: run the command on ${nodes.join(' or ')}.`,
    { group, generation, node: context.self.node, nodes },
  );
}

/**
 * The state, with what is asked for published here. PUBLISH_PENDING where that cannot be done. Another capture that can
 * never be published, since its snapshot was destroyed (G9), hides no generation that stands; a swap is in everybody's way.
 */
async function readPublished(context: Context, { group, generation }: OpenRequest): Promise<State> {
  for (;;) {
    const state = await context.log.read();
    const wanted = generation ?? newestComplete(requireGroup(state, group));
    // What is stale is behind the disks' stamps, and shall not be written: each snapshot is told by its identity instead.
    if (isStale(context)) return state;
    await assertStamps(context.files, state, context.log);
    // Asked anew after each: what was committed meanwhile is the newest now, and its staged name will not last.
    const pending = pendingHere(context, state, group);
    const needed = pending.filter((record) => record.generation === wanted || record.mode !== 'capture');
    for (const record of pending)
      await publishForAnother(context, record).catch((error: unknown) => {
        if (needed.includes(record)) throw error;
        context.report({ kind: 'warning', message: messageOf(error) });
      });
    if (needed.length === 0) return state;
  }
}

/** The generation asked for, or the newest complete one. */
export async function findGeneration(
  context: Context,
  state: State,
  group: string,
  generation: number | null,
): Promise<GenerationRecord> {
  if (generation !== null) return requireRecord(context, group, generation);
  const newest = newestComplete(requireGroup(state, group));
  if (newest > 0) return requireRecord(context, group, newest);
  throw new SnapcommitError(
    'GENERATION_NOT_FOUND',
    `group ${group} has no generation yet; \`snapcommit commit ${group}\` makes one.`,
    {
      group,
    },
  );
}

/** Where a volume of a generation stands on this node, published or still staged; null where it is another node's. */
export async function publishedPath(
  context: Context,
  state: State,
  record: GenerationRecord,
  volume: ManifestVolume,
): Promise<string | null> {
  const published = isPublishedOn(state, context.self.node, record.group, record.generation);
  const name = published ? publishedName(record.group, record.generation) : volume.staged;
  return pathHere(context, state, volume.volume, name);
}

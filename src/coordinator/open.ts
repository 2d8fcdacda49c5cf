/**
 * Reading a generation: which paths hold it. By default the newest committed one at a linearizable read; a publish that
 * is still pending on this node is finished first.
 */
import { lookup } from '../machine/record.js';
import { join } from 'node:path';
import { SnapcommitError } from '../errors.js';
import type { ManifestVolume } from '../machine/entry.js';
import { isPublishedOn, newestComplete } from '../machine/queries.js';
import type { GenerationRecord, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { publishedName } from '../participant/names.js';
import { assertStamps } from '../participant/stamps.js';
import { viewDirectory } from '../participant/views.js';
import { requireGroup } from './begin.js';
import { requireRecord } from './commit.js';
import { append } from '../participant/append.js';
import { finishPublishes, pendingHere } from '../participant/publishing.js';

export interface OpenRequest {
  readonly group: string;
  /** null: the newest complete one. */
  readonly generation: number | null;
  /** Holds it under this tag, so that prune leaves it alone. */
  readonly hold: string | null;
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
  const state = await readPublished(context, request.group);
  const record = await findGeneration(context, state, request.group, request.generation);
  if (request.hold !== null) {
    await append(context, { type: 'addHold', group: record.group, generation: record.generation, tag: request.hold });
  }
  const volumes = await Promise.all(
    record.manifest.volumes.map(async (volume): Promise<[string, OpenedVolume]> => [
      volume.volume,
      { node: volume.node, path: await publishedPath(context, state, record, volume) },
    ]),
  );
  const view = join(
    viewDirectory(context.stateDirectory, record.group),
    publishedName(record.group, record.generation),
  );
  return { record, view, volumes: Object.fromEntries(volumes) };
}

/** The state, with nothing of this group waiting to be published here. PUBLISH_PENDING where that cannot be done. */
async function readPublished(context: Context, group: string): Promise<State> {
  for (;;) {
    const state = await context.log.read();
    requireGroup(state, group);
    await assertStamps(context.files, state, context.log);
    // Asked anew after each: what was committed meanwhile is the newest now, and its staged name will not last.
    if (pendingHere(context, state, group).length === 0) return state;
    await finishPublishes(context, state, group);
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
  const found = lookup(state.volumes, volume.volume);
  if (found === undefined || volume.node !== context.self.node) return null;
  const published = isPublishedOn(state, volume.node, record.group, record.generation);
  const name = published ? publishedName(record.group, record.generation) : volume.staged;
  return (await context.driver(found.record.driver)).path(found.record, name);
}

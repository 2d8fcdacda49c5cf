/**
 * From a chosen commit to readers: every local volume and the view, then the `published` entry. Any process may do
 * this, any number of times.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import type { GenerationRecord, State } from '../machine/state.js';
import { append } from './append.js';
import { forgetClosed } from './closed-trees.js';
import type { Context } from './context.js';
import { areHoldersStopped, transactionLock } from './fence.js';
import { messageOf, publishLocal } from './publish.js';

/** Publishes here and says so in the log. Rejects with PUBLISH_PENDING; the generation is committed all the same. */
export async function publish(context: Context, record: GenerationRecord, swapLocksHeld: boolean): Promise<void> {
  const volumes = await publishLocal(context, record, swapLocksHeld).catch((error: unknown) => {
    throw asPending(record.group, record.generation, error);
  });
  crashPoint('published.before');
  const { group, generation } = record;
  const { node } = context.self;
  await append(context, { type: 'published', group, generation, node, volumes }).catch((error: unknown) => {
    throw new SnapcommitError(
      'PUBLISH_PENDING',
      `generation ${generationKey(group, generation)} stands, but the log did not take the note of it: ` +
        `${messageOf(error)}. Run \`snapcommit recover\`.`,
      { group, generation },
      error,
    );
  });
  crashPoint('published.after');
  // Its trees are replaced: what was closed for it is nobody's live tree any more.
  if (record.manifest.volumes.some(({ swap }) => swap !== null)) await forgetClosed(context, record.transaction);
}

/** Once it is committed, no failure may be told as if nothing had been: the caller would do it again. */
export function asPending(group: string, generation: number, error: unknown): SnapcommitError {
  if (error instanceof SnapcommitError && error.code === 'PUBLISH_PENDING') return error;
  return new SnapcommitError(
    'PUBLISH_PENDING',
    `generation ${generationKey(group, generation)} is committed, but publishing it was not finished: ` +
      `${messageOf(error).replace(/\.$/, '')}. Mend that and run \`snapcommit recover\`.`,
    { group, generation },
    error,
  );
}

/** It is committed, and only cannot be looked at any more: not even then may it be told as if nothing had been. */
export function asUnseen(group: string, generation: number, error: unknown): SnapcommitError {
  const key = generationKey(group, generation);
  return new SnapcommitError(
    'PUBLISH_PENDING',
    `generation ${key} is committed, but how it stands cannot be read: ${messageOf(error)}. ` +
      `\`snapcommit show ${key}\` tells as soon as that is mended.`,
    { group, generation },
    error,
  );
}

/** Committed generations that wait for this node, oldest first; of one group where it is given. */
export function pendingHere(context: Context, state: State, group?: string): readonly GenerationRecord[] {
  return Object.values(state.pending)
    .filter((pending) => pending.nodes.includes(context.self.node))
    .map((pending) => pending.record)
    .filter((record) => group === undefined || record.group === group)
    .sort((a, b) => a.slot - b.slot);
}

/** Finishes every publish that waits for this node, oldest first. */
export async function finishPublishes(context: Context, state: State): Promise<void> {
  for (const record of pendingHere(context, state)) {
    context.report({ kind: 'phase', phase: 'publish', subject: generationKey(record.group, record.generation) });
    await publishForAnother(context, record);
  }
}

/**
 * Publishes what another process committed. That one is ended if it is stopped: what it wanted is decided, and it holds
 * locks that it will not release by itself (those of a swap, T9, from before the commit on).
 */
export async function publishForAnother(context: Context, record: GenerationRecord): Promise<void> {
  const locks = await context.locks();
  const name = transactionLock(record.transaction);
  try {
    if (areHoldersStopped(locks, name)) await locks.endHolders(name, context.settings.takeOverGraceMs);
  } catch (error) {
    throw asPending(record.group, record.generation, error);
  }
  await publish(context, record, false);
}

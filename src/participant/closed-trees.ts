/**
 * Live trees that a swap has made read-only on this node. A swap can be aborted by any node while this one is down, so what
 * was closed is on disk before it is closed: whoever finds it after the decision opens the tree again. The embedded form
 * needs none of this: there the transaction stays open until its trees are writable again.
 */
import { join } from 'node:path';
import { crashPoint } from '../crash-points.js';
import { pendingOf } from '../machine/queries.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import { atVolume } from './at-volume.js';
import type { Context } from './context.js';
import { volumeLock, withFence } from './fence.js';
import type { Part } from './part.js';
import { messageOf } from './publish.js';

export interface ClosedTrees {
  readonly transaction: string;
  readonly trees: readonly ClosedTree[];
}

interface ClosedTree {
  readonly volume: string;
  readonly base: string;
}

/** Durable when it resolves. */
export async function recordClosed(context: Context, { begin, members }: Part): Promise<void> {
  const { transaction } = begin;
  const trees = members.map(({ place, base }) => ({ volume: place.name, base: base ?? '' }));
  const closed: ClosedTrees = { transaction, trees };
  const made = await context.files.makeDirectory(directoryOf(context));
  // Whoever made an empty one may have died before it was durable.
  const isDoubtful = made || (await context.files.listNames(directoryOf(context))).length === 0;
  if (isDoubtful) await context.files.syncDirectory(context.stateDirectory);
  await context.files.writeDurably(fileOf(context, transaction), JSON.stringify(closed));
}

/** Everything that is on disk. A file that cannot be read is reported and kept. */
export async function readClosed(context: Context): Promise<readonly ClosedTrees[]> {
  const names = await context.files.listNames(directoryOf(context));
  const found = await Promise.all(
    names
      .filter((name) => name.endsWith('.json'))
      .map(async (name) => {
        try {
          const text = await context.files.readText(join(directoryOf(context), name));
          // Gone since it was listed: somebody has opened them.
          return text === null ? [] : [closedOf(JSON.parse(text))];
        } catch {
          context.report({
            kind: 'warning',
            message: `cannot read ${join(directoryOf(context), name)}; a live tree may be read-only`,
          });
          return [];
        }
      }),
  );
  return found.flat();
}

/** Whether that swap is over here: aborted, or committed and published on this node. */
export function isOverHere(context: Context, state: State, transaction: string): boolean {
  if (lookup(state.open, transaction) !== undefined) return false;
  return !Object.values(state.pending).some(
    ({ record, nodes }) => record.transaction === transaction && nodes.includes(context.self.node),
  );
}

/**
 * Makes the trees of a swap that is over writable again, as far as they are still the ones that it closed, and forgets them.
 * Every one is tried; rejects with the first failure, which names its volume, and then forgets none. One that a later swap has
 * closed is that one's: it began when the tree was writable again, so nothing is left to do for us.
 */
export async function reopenClosed(context: Context, closed: ClosedTrees): Promise<void> {
  let failure: unknown = null;
  for (const tree of closed.trees) {
    await reopenTree(context, closed.transaction, tree).catch((error: unknown) => {
      failure ??= error;
    });
  }
  if (failure !== null) throw failure instanceof Error ? failure : new Error(messageOf(failure));
  await forgetClosed(context, closed.transaction);
}

async function reopenTree(context: Context, transaction: string, { volume, base }: ClosedTree): Promise<void> {
  await withFence(context, volumeLock(volume), async () => {
    const state = await context.log.read();
    const found = lookup(state.volumes, volume);
    if (found === undefined || found.forfeited || found.record.node !== context.self.node) return;
    if (!isOverHere(context, state, transaction) || isClosedAnew(state, volume)) return;
    await atVolume(found.record, async () => {
      const driver = await context.driver(found.record.driver);
      const live = await driver.live(found.record, true);
      if (live.id !== base || !live.readOnly) return;
      crashPoint('recover.before-writable');
      await driver.setLiveReadOnly(found.record, false);
      crashPoint('recover.after-writable');
    });
  });
}

/** Whether another swap, undecided or still to be published, relies on this live tree being read-only (T7). */
function isClosedAnew(state: State, volume: string): boolean {
  const isOpen = Object.values(state.open).some(
    ({ begin }) => begin.mode !== 'capture' && begin.members.some((member) => member.volume === volume),
  );
  const isPending = pendingOf(state, volume).some(({ record }) =>
    record.manifest.volumes.some((member) => member.volume === volume && member.swap !== null),
  );
  return isOpen || isPending;
}

export async function forgetClosed(context: Context, transaction: string): Promise<void> {
  await context.files.removeDurably(fileOf(context, transaction));
}

function directoryOf(context: Context): string {
  return join(context.stateDirectory, 'closed');
}

function fileOf(context: Context, transaction: string): string {
  return join(directoryOf(context), `${transaction}.json`);
}

/** @throws TypeError when it is none: we wrote it, but somebody may have edited it. */
function closedOf(value: unknown): ClosedTrees {
  const { transaction, trees } = value as Partial<Record<keyof ClosedTrees, unknown>>;
  const isSound = typeof transaction === 'string' && Array.isArray(trees) && trees.every(isTree);
  if (!isSound) throw new TypeError('no closed trees');
  return value as ClosedTrees;
}

function isTree(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { volume, base } = value as { volume?: unknown; base?: unknown };
  return typeof volume === 'string' && typeof base === 'string';
}

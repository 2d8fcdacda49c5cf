/**
 * `--wait`: whoever is ahead in the group, on whichever node, is waited for instead of refused. Others on this node wait for
 * its courtesy lock before they come here; who is at it elsewhere only the log tells.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { isUndriven } from '../coordinator/recover-plan.js';
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import { lookup } from '../machine/record.js';
import type { State } from '../machine/state.js';
import type { Context } from '../participant/context.js';

/** Between two looks at the log, ms. */
const LOOK_MS = 200;

/** Something that is under way, by its key in the state. */
interface Ahead {
  readonly kind: 'open' | 'pending';
  readonly key: string;
}

/** Runs `action` until nothing that is under way refuses it; `wait` null: once. Nothing of it was begun when it is run again. */
export async function afterOthers<T>(
  context: Context,
  wait: { readonly signal: AbortSignal } | null,
  action: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await action();
    } catch (error) {
      const ahead = wait === null ? null : whatIsAhead(error);
      if (wait === null || ahead === null) throw error;
      context.report({ kind: 'phase', phase: 'wait', subject: ahead.key });
      if (!(await isOverInTime(context, ahead, wait.signal))) throw error;
    }
  }
}

/** An open transaction, or a swap that some node has not published; null: what refused it does not end by itself. */
function whatIsAhead(error: unknown): Ahead | null {
  if (!(error instanceof SnapcommitError) || error.code !== 'BUSY' || error.details['begun'] === true) return null;
  const { transaction, group, generation } = error.details;
  if (typeof transaction === 'string') return { kind: 'open', key: transaction };
  if (typeof group !== 'string' || typeof generation !== 'number') return null;
  return { kind: 'pending', key: generationKey(group, generation) };
}

/** False: nobody will end it before a person does. */
async function isOverInTime(context: Context, ahead: Ahead, signal: AbortSignal): Promise<boolean> {
  for (;;) {
    signal.throwIfAborted();
    const state = await context.log.read();
    if (!isUnderWay(state, ahead)) return true;
    if (await isLeftAlone(context, state, ahead)) return false;
    await delay(LOOK_MS);
  }
}

function isUnderWay(state: State, { kind, key }: Ahead): boolean {
  return (kind === 'open' ? lookup(state.open, key) : lookup(state.pending, key)) !== undefined;
}

/** On a single machine no daemon ends what its coordinator has left. */
async function isLeftAlone(context: Context, state: State, { kind, key }: Ahead): Promise<boolean> {
  if (Object.keys(state.members).length > 0) return false;
  const open = lookup(state.open, key);
  return kind === 'pending' || (open !== undefined && isUndriven(await context.locks(), open));
}

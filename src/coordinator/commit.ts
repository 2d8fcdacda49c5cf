/**
 * Capture, the commit path of `snapcommit commit GROUP`: begin, cut, commit, publish. Every branch stands here.
 */
import { SnapcommitError } from '../errors.js';
import { generationKey } from '../machine/keys.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { transactionLock } from '../participant/fence.js';
import { assertAsPlanned, planTransaction, type Plan } from './begin.js';
import { cut } from './cut.js';
import { begin, commit, type Begun } from './decide.js';
import { asPending, asUnseen, pendingHere, publishForAnother } from '../participant/publishing.js';
import { publishEverywhere } from './publish.js';
import type { CommitRequest } from './requests.js';
import { giveUp } from './undo.js';

export interface Committed {
  readonly record: GenerationRecord;
  /** True when a remembered request id answered, and nothing was done now. */
  readonly repeated: boolean;
}

/** Commits one generation of the live volumes. */
export async function capture(context: Context, request: CommitRequest): Promise<Committed> {
  const plan = await planTransaction(context, 'capture', request);
  return withCoordinatorLock(context, plan, async () => {
    const started = await begin(context, plan.begin, plan.request);
    if (started.kind === 'repeated') return repeat(context, request.group, started.generation);
    const generation = await decide(context, plan, started.begun, request.signal);
    const record = await committedRecord(context, request.group, generation);
    await publishEverywhere(context, plan, record);
    return { record, repeated: false };
  });
}

async function decide(context: Context, plan: Plan, begun: Begun, signal: AbortSignal): Promise<number> {
  const { transaction } = begun.begin;
  try {
    await assertAsPlanned(context, plan);
    const { consistency, volumes } = await cut(context, plan, begun, signal);
    signal.throwIfAborted();
    context.report({ kind: 'phase', phase: 'commit', subject: begun.begin.group });
    return await commit(context, {
      type: 'commit',
      transaction,
      epoch: begun.epoch,
      manifest: { consistency, volumes },
    });
  } catch (error) {
    if (isUnknown(error)) throw error;
    throw await giveUp(context, plan, begun, error);
  }
}

/** The kernel lock that says that this transaction's coordinator lives; taken before `begin` is chosen. */
export async function withCoordinatorLock<T>(context: Context, plan: Plan, action: () => Promise<T>): Promise<T> {
  const locks = await context.locks();
  const name = transactionLock(plan.begin.transaction);
  const held = await locks.acquire(name, 'exclusive', context.settings.lockWaitMs);
  try {
    return await action();
  } finally {
    locks.forget(name);
    held.release();
  }
}

/** What a remembered request committed; done only when it is published too, as its first try would have said. */
export async function repeat(context: Context, group: string, generation: number): Promise<Committed> {
  const asCommitted = (error: unknown): never => {
    throw asUnseen(group, generation, error);
  };
  const record = await context.log.generation(group, generation).catch(asCommitted);
  if (record === undefined) throw goneSince(group, generation);
  const state = await context.log.read().catch(asCommitted);
  const pending = pendingHere(context, state, group);
  if (pending.some((each) => each.generation === generation)) await publishForAnother(context, record);
  return { record, repeated: true };
}

function goneSince(group: string, generation: number): SnapcommitError {
  return new SnapcommitError(
    'GENERATION_NOT_FOUND',
    `this request was committed as ${generationKey(group, generation)}, which has been pruned since; nothing was done now. ` +
      'Give a new --request-id for a new generation.',
    { group, generation },
  );
}

/** The record of a commit that was chosen just now: where it cannot be read, the generation is committed all the same. */
export async function committedRecord(context: Context, group: string, generation: number): Promise<GenerationRecord> {
  return requireRecord(context, group, generation).catch((error: unknown) => {
    throw asPending(group, generation, error);
  });
}

export async function requireRecord(context: Context, group: string, generation: number): Promise<GenerationRecord> {
  const record = await context.log.generation(group, generation);
  if (record !== undefined) return record;
  const key = generationKey(group, generation);
  throw new SnapcommitError(
    'GENERATION_NOT_FOUND',
    `there is no generation ${key}; \`snapcommit list ${group}\` shows them.`,
    {
      group,
      generation,
    },
  );
}

/** After an unknown outcome nothing may be undone: the commit may have been chosen. Recovery decides. */
export function isUnknown(error: unknown): boolean {
  return error instanceof SnapcommitError && error.code === 'OUTCOME_UNKNOWN';
}

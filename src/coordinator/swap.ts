/**
 * From finished clones to a published swap, shared by transact and restore: seal, close the live trees, look for users and
 * changes, commit, exchange, on every host. Nothing is lost: the live trees are read-only from before the check until they
 * are replaced (T7), and nobody may be using them.
 */
import { crashPoint } from '../crash-points.js';
import { SnapcommitError } from '../errors.js';
import type { Consistency, ManifestVolume } from '../machine/entry.js';
import { generationKey } from '../machine/keys.js';
import { compareText, lookup } from '../machine/record.js';
import type { GenerationRecord } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';
import type { ClonedVolume } from '../ports/participant.js';
import type { Plan } from './begin.js';
import { committedRecord, isUnknown } from './commit.js';
import { resume } from './cut.js';
import { commit, type Begun } from './decide.js';
import { atTheEnd, onNodes, workOf } from './nodes.js';
import { publishEverywhere } from './publish.js';
import { asStillOpen, giveUp } from './undo.js';

/** A writable clone of every member: of its live tree, or of the generation that is restored. */
export async function cloneAll(
  context: Context,
  plan: Plan,
  begun: Begun,
  signal: AbortSignal,
): Promise<readonly ClonedVolume[]> {
  const cloned = await onNodes(context, plan, 'clone', signal, async ({ participant }) =>
    participant.clone(workOf(begun)),
  );
  return cloned.flat();
}

/**
 * Seals the clones and puts them in place of the live trees. Before the commit is chosen every failure leaves the live
 * trees as they were; afterwards the swap is only ever finished.
 */
export async function swapIn(
  context: Context,
  plan: Plan,
  begun: Begun,
  options: { readonly consistency: Consistency; readonly signal: AbortSignal },
): Promise<GenerationRecord> {
  let record: GenerationRecord;
  let halfSwapped = false;
  let resumed = true;
  try {
    const generation = await sealAndCommit(context, plan, begun, options);
    record = await committedRecord(context, begun.begin.group, generation);
    await publishEverywhere(context, plan, record);
  } catch (error) {
    halfSwapped = mayBeHalfSwapped(error);
    throw error;
  } finally {
    await leaveAll(context, plan, begun);
    if (halfSwapped) reportStopped(context, plan);
    else resumed = await resume(context, plan, begun, 'swapped');
  }
  if (!resumed) throw notResumed(plan, record);
  return record;
}

/**
 * Then the live trees are a mix of old, read-only ones and new ones, or nobody knows yet: the units stay stopped until
 * recovery has finished the swap and pays.
 */
function mayBeHalfSwapped(error: unknown): boolean {
  return isUnknown(error) || (error instanceof SnapcommitError && error.code === 'PUBLISH_PENDING');
}

function reportStopped(context: Context, plan: Plan): void {
  const { stopUnits } = plan.group.record;
  if (stopUnits.length === 0) return;
  const message = `${stopUnits.join(', ')}: stopped until \`snapcommit recover\` has finished the swap`;
  context.report({ kind: 'warning', message });
}

/** The swap stands, but what was stopped for it does not run: nobody may take it for done. The debt is paid by recovery. */
function notResumed(plan: Plan, { group, generation }: GenerationRecord): SnapcommitError {
  const { stopUnits } = plan.group.record;
  return new SnapcommitError(
    'PUBLISH_PENDING',
    `generation ${generationKey(group, generation)} is committed and published, but what was stopped for it ` +
      `(${stopUnits.join(', ')}) is not known to run again. Mend that and run \`snapcommit recover\`, which starts it.`,
    { group, generation, units: stopUnits },
  );
}

async function leaveAll(context: Context, plan: Plan, begun: Begun): Promise<void> {
  await Promise.all(
    plan.nodes.map(async ({ participant }) =>
      atTheEnd(context, participant, participant.leave(workOf(begun))).catch((error: unknown) => {
        context.report({ kind: 'warning', message: `${messageOf(error)}; it lets go when it hears of the decision` });
      }),
    ),
  );
}

async function sealAndCommit(
  context: Context,
  plan: Plan,
  begun: Begun,
  options: { readonly consistency: Consistency; readonly signal: AbortSignal },
): Promise<number> {
  const { transaction } = begun.begin;
  const work = workOf(begun);
  try {
    const sealed = await onNodes(context, plan, 'seal', options.signal, async ({ participant }) =>
      participant.seal(work),
    );
    await onNodes(context, plan, 'close', options.signal, async ({ participant }) => participant.close(work));
    crashPoint('swap.checked');
    options.signal.throwIfAborted();
    const volumes: readonly ManifestVolume[] = sealed.flat().toSorted((a, b) => compareText(a.volume, b.volume));
    const manifest = { consistency: options.consistency, volumes };
    return await commit(context, { type: 'commit', transaction, epoch: begun.epoch, manifest });
  } catch (error) {
    if (isUnknown(error)) throw error;
    // What could not be done here is left to recovery, which opens them while the transaction is open.
    if (!(await reopenAll(context, plan, begun)) && (await isOpen(context, begun))) throw asStillOpen(begun, error);
    throw await giveUp(context, plan, begun, error);
  }
}

/** Whoever took it over may have ended it. In doubt it is open. */
async function isOpen(context: Context, { begin }: Begun): Promise<boolean> {
  const state = await context.log.read().catch(() => null);
  return state === null || lookup(state.open, begin.transaction) !== undefined;
}

/** A node that cannot be asked opens its trees when it hears of the abort; this one must not leave them closed. */
async function reopenAll(context: Context, plan: Plan, begun: Begun): Promise<boolean> {
  const reopened = await Promise.all(
    plan.nodes.map(async ({ participant }) =>
      atTheEnd(context, participant, participant.reopen(workOf(begun))).catch((error: unknown) => {
        context.report({
          kind: 'warning',
          message: `live trees on node ${participant.node} may still be read-only (${messageOf(error)})`,
        });
        return participant.node !== context.self.node;
      }),
    ),
  );
  return reopened.every(Boolean);
}

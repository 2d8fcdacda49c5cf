/**
 * `recover` for a whole cluster, from any of its nodes: this node's own recovery and every other's, side by side; and, where
 * a node cannot be reached, its transactions are taken over from here. A node that is down recovers by itself when it returns.
 */
import { abandonTransaction } from '../coordinator/recover-steps.js';
import { recover } from '../coordinator/recover.js';
import type { Recovery, RecoveryAction } from '../coordinator/recovery.js';
import { SnapcommitError } from '../errors.js';
import { compareText } from '../machine/record.js';
import type { OpenTransaction } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { messageOf } from '../participant/publish.js';

/** What recovery asks of another node. */
export interface RecoverableNodes {
  of(node: string): { recover(dryRun: boolean): Promise<Recovery> };
}

export interface NodeRecovery extends Recovery {
  readonly node: string;
}

/** One answer a node, sorted by name, this one's first. */
export async function recoverCluster(
  context: Context,
  others: RecoverableNodes,
  dryRun: boolean,
): Promise<readonly NodeRecovery[]> {
  const here = context.self.node;
  const { members } = await context.log.read();
  const names = Object.keys(members)
    .filter((node) => node !== here)
    .sort(compareText);
  const [own, ...asked] = await Promise.all([
    recover(context, dryRun),
    ...names.map(async (node) => recoverOn(others, node, dryRun)),
  ]);
  const unreachable = new Set(asked.filter(({ isReachable }) => !isReachable).map(({ node }) => node));
  const taken = await takeOverFrom(context, unreachable, dryRun);
  const mine = {
    node: here,
    actions: [...own.actions, ...taken.actions],
    failures: [...own.failures, ...taken.failures],
  };
  return [mine, ...asked.map(({ node, actions, failures }) => ({ node, actions, failures }))];
}

interface Asked extends NodeRecovery {
  readonly isReachable: boolean;
}

/** A node that cannot be asked is a failed step, so that the exit status tells of it. */
async function recoverOn(others: RecoverableNodes, node: string, dryRun: boolean): Promise<Asked> {
  try {
    return { node, isReachable: true, ...(await others.of(node).recover(dryRun)) };
  } catch (error) {
    const isReachable = !(error instanceof SnapcommitError && error.code === 'UNAVAILABLE');
    const action: RecoveryAction = {
      action: 'report',
      target: `node ${node}`,
      reason: 'it could not be asked to recover',
    };
    return { node, isReachable, actions: [], failures: [{ action, reason: messageOf(error) }] };
  }
}

async function takeOverFrom(context: Context, nodes: ReadonlySet<string>, dryRun: boolean): Promise<Recovery> {
  const actions: RecoveryAction[] = [];
  const failures: Recovery['failures'][number][] = [];
  if (nodes.size === 0) return { actions, failures };
  const { open } = await context.log.read();
  for (const transaction of Object.values(open).filter(({ coordinator }) => nodes.has(coordinator.node))) {
    const { action, act } = abandonFrom(context, transaction);
    actions.push(action);
    if (dryRun) continue;
    await act().catch((error: unknown) => failures.push({ action, reason: messageOf(error) }));
  }
  return { actions, failures };
}

function abandonFrom(context: Context, transaction: OpenTransaction): ReturnType<typeof abandonTransaction> {
  const { action, act } = abandonTransaction(context, transaction, () => false);
  const { node } = transaction.coordinator;
  return {
    action: { ...action, reason: `its coordinator’s node ${node} cannot be reached, and it was not decided` },
    act,
  };
}

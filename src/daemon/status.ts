/** `status`: where every group stands. Cheap: it loads no driver, and the freezer only when something may be frozen. */
import { lookup } from '../machine/record.js';
import { join } from 'node:path';
import { allPending, newestComplete, openTransactionOf } from '../machine/queries.js';
import type { GroupState, State } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { timeOf } from './documents.js';
import { openTransactionReports, type OtherNodes } from './open-transactions.js';
import type { StatusReport } from './reports.js';

export async function statusReport(context: Context, state: State, others: OtherNodes | null): Promise<StatusReport> {
  const { engine, lastSlot, checkpointSlot } = await context.log.status();
  const names = Object.keys(state.groups).sort();
  const groups = await Promise.all(
    names.flatMap((name) => lookup(state.groups, name) ?? []).map(async (group) => groupStatus(context, state, group)),
  );
  const { node, cluster } = context.log.identity;
  const now = context.clock.now();
  return {
    node,
    cluster,
    engine,
    log: { lastSlot, checkpointSlot },
    groups,
    transactions: await openTransactionReports(state, others, now),
    pendingPublish: allPending(state).map(({ record: { group, generation, committedAt }, nodes }) => ({
      group,
      generation,
      nodes,
      sinceMs: Math.max(0, Math.round(now - committedAt)),
    })),
    frozen: await frozenCgroups(context),
  };
}

async function groupStatus(context: Context, state: State, group: GroupState): Promise<StatusReport['groups'][number]> {
  const { name } = group.record;
  const generation = newestComplete(group);
  const record = generation === 0 ? undefined : await context.log.generation(name, generation);
  return {
    group: name,
    generation,
    committedAt: record === undefined ? null : timeOf(record.committedAt),
    open: openTransactionOf(state, name)?.begin.transaction ?? null,
    pendingPublish: Object.values(state.pending)
      .filter((pending) => pending.record.group === name)
      .map((pending) => pending.record.generation),
  };
}

async function frozenCgroups(context: Context): Promise<readonly string[]> {
  const names = await context.files.listNames(join(context.stateDirectory, 'freeze')).catch(() => []);
  if (!names.some((name) => name.endsWith('.json'))) return [];
  const intents = await (await context.writers()).intents();
  return intents.flatMap((intent) => intent.cgroups);
}

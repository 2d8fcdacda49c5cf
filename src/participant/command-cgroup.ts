/** The name of the cgroup that a transaction's command runs in; it carries our cluster, so that nobody ends another's (T11). */
import type { TransactionId } from '../machine/entry.js';
import type { Context } from './context.js';

export function formatCgroupName(context: Context, transaction: TransactionId): string {
  return `${context.log.identity.cluster}.${transaction}`;
}

/** The transaction of a cgroup that is ours, otherwise null. */
export function parseCgroupName(context: Context, name: string): string | null {
  const prefix = `${context.log.identity.cluster}.`;
  return name.startsWith(prefix) ? name.slice(prefix.length) : null;
}

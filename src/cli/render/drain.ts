/** What keeps a draining node, for people. Pure. */
import type { DrainReport } from '../../index.js';
import { pairs } from './table.js';
import { joined } from './text.js';

export function drainText({ node, volumes, groups, transactions, pendingPublish, pins }: DrainReport): string {
  const kept = [volumes, groups, transactions, pendingPublish, pins].some((names) => names.length > 0);
  if (!kept) return `Nothing waits for it: \`snapcommit cluster remove ${node}\` takes it out of the cluster.\n`;
  return pairs([
    ['volumes', joined(volumes)],
    ['writers of groups', joined(groups)],
    ['open transactions', joined(transactions)],
    ['publishing', joined(pendingPublish)],
    ['in use', joined(pins)],
  ]);
}

/** A group for people. Pure. */
import type { GroupReport } from '../../index.js';
import { pairs } from './table.js';
import { formatDuration, joined } from './text.js';

export function groupText(group: GroupReport): string {
  return pairs([
    ['group', group.name],
    ['newest generation', group.generation === 0 ? '-' : String(group.generation)],
    ['open transaction', group.open ?? '-'],
    ['volumes', joined(group.volumes)],
    ['requires', group.require ?? 'any grade'],
    ['stall limit', formatDuration(group.stallLimitMs)],
    ['freezes cgroups', joined(group.freezeCgroups)],
    ['freezes units', joined(group.freezeUnits)],
    ['stops units', joined(group.stopUnits)],
    ['pre-hooks', joined(group.preHooks)],
    ['post-hooks', joined(group.postHooks)],
  ]);
}

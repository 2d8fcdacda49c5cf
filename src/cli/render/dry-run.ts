/** What a commit would do, for people. Pure. */
import type { DryRunReport } from '../../index.js';
import { pairs, table } from './table.js';
import { joined } from './text.js';

export function dryRunText(plan: DryRunReport): string {
  const head = pairs([
    ['would commit', plan.group],
    ['reachable grade', plan.reachableGrade],
    ['would freeze', joined(plan.freezes)],
  ]);
  const rows = plan.volumes.map(({ volume, driver, source }) => [volume, driver, source]);
  return `${head}${table(['volume', 'driver', 'source'], rows)}Nothing was changed.\n`;
}

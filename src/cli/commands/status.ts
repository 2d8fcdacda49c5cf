/** `snapcommit status`: one line a group, and what needs somebody's eye. */
import type { StatusReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { defineStaleOption, markOf, readStale } from '../stale-option.js';
import { pairs, table } from '../render/table.js';
import { duration, printable, shortTime } from '../render/text.js';
import { openTransactionLine } from '../render/transaction.js';

export const status: CommandModule = {
  define: defineStaleOption,
  async run({ options, openNode }) {
    const node = await openNode(readStale(options));
    const report = await node.status();
    const { fields, line } = markOf(options, node);
    return { json: { ...report, ...fields }, text: () => `${line}${statusText(report)}` };
  },
};

function statusText(report: StatusReport): string {
  const { node, cluster, engine, log, groups, frozen } = report;
  const head = pairs([
    ['node', `${node} (cluster ${cluster})`],
    ['log', `${engine}, slot ${String(log.lastSlot)}, checkpoint ${String(log.checkpointSlot)}`],
  ]);
  const body =
    groups.length === 0
      ? 'There are no groups yet; `snapcommit group create NAME --volume V` makes one.\n'
      : table(
          ['group', 'newest', 'committed', 'state'],
          groups.map((group) => rowOf(group)),
        );
  const frozenLines = frozen.map((cgroup) => `frozen: ${printable(cgroup)}\n`).join('');
  const hint = groups.some(({ pendingPublish }) => pendingPublish.length > 0)
    ? '`snapcommit recover` finishes what is pending.\n'
    : '';
  return `${head}\n${body}${openLines(report)}${pendingLines(report)}${frozenLines}${hint}`;
}

function openLines({ transactions }: StatusReport): string {
  return transactions.map((transaction) => `${openTransactionLine(transaction)}\n`).join('');
}

function pendingLines({ pendingPublish }: StatusReport): string {
  return pendingPublish
    .map(
      ({ group, generation, nodes, sinceMs }) =>
        `${group}@${String(generation)}: node ${nodes.join(', ')} has not published it for ${duration(sinceMs)}\n`,
    )
    .join('');
}

function rowOf({
  group,
  generation,
  committedAt,
  open,
  pendingPublish,
}: StatusReport['groups'][number]): readonly string[] {
  const states = [
    ...(open === null ? [] : [`transaction ${open} open`]),
    ...(pendingPublish.length === 0 ? [] : [`publishing ${pendingPublish.join(', ')} pending`]),
  ];
  return [
    group,
    generation === 0 ? '-' : `${group}@${String(generation)}`,
    committedAt === null ? '-' : shortTime(committedAt),
    states.length === 0 ? 'idle' : states.join('; '),
  ];
}

/** `snapcommit status`: one line a group, and what needs somebody's eye. */
import type { StatusReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { defineStaleOption, markOf, readStale } from '../stale-option.js';
import { pairs, table } from '../render/table.js';
import { printable, shortTime } from '../render/text.js';

export const status: CommandModule = {
  define: defineStaleOption,
  async run({ options, openNode }) {
    const node = await openNode(readStale(options));
    const report = await node.status();
    const { fields, line } = markOf(options, node);
    return { json: { ...report, ...fields }, text: () => `${line}${statusText(report)}` };
  },
};

function statusText({ node, cluster, engine, log, groups, frozen }: StatusReport): string {
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
  return `${head}\n${body}${frozenLines}${hint}`;
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

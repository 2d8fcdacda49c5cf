/** `snapcommit status`: one line a group, and what needs somebody's eye. */
import type { StatusReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import { pairs, table } from '../render/table.js';
import { printable, shortTime } from '../render/text.js';

export const status: CommandModule = {
  async run({ openNode }) {
    const report = await (await openNode()).status();
    return { json: report, text: () => statusText(report) };
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

/** `snapcommit open`: the paths of one generation, all of it or nothing. */
import type { CommandModule } from '../command.js';
import { nameOf, parseReference } from '../input.js';
import { pairs } from '../render/table.js';

export const open: CommandModule = {
  define(command) {
    command
      .option('--hold <TAG>', 'keep it from being pruned, under this tag')
      .option('--stale', 'answer without asking a majority; on a single node the same as without');
  },
  async run({ operands: [text = ''], options, openNode }) {
    const { group, generation } = parseReference(text);
    const tag = options.text('hold');
    const hold = tag === null ? null : nameOf('hold', tag);
    const report = await (await openNode()).open({ group, generation, hold });
    const rows = Object.entries(report.volumes).map(([name, { node, path }]): readonly [string, string] => [
      name,
      path ?? `on node ${node}`,
    ]);
    return {
      json: report,
      text: () => `${report.group}@${String(report.generation)}\n${pairs([...rows, ['view', report.view]])}`,
    };
  },
};

/** `snapcommit open`: the paths of one generation, all of it or nothing. */
import type { CommandModule } from '../command.js';
import { nameOf, parseReference } from '../input.js';
import { defineStaleOption, markOf, readStale } from '../stale-option.js';
import { pairs } from '../render/table.js';

export const open: CommandModule = {
  define(command) {
    command
      .option('--hold <TAG>', 'keep it from being pruned, under this tag')
      .option('--local-only', 'only the volumes of this node; refused where it has none of them');
    defineStaleOption(command);
  },
  async run({ operands: [text = ''], options, openNode }) {
    const { group, generation } = parseReference(text);
    const tag = options.text('hold');
    const hold = tag === null ? null : nameOf('hold', tag);
    const node = await openNode(readStale(options));
    const report = await node.open({ group, generation, hold, localOnly: options.flag('localOnly') });
    const mark = markOf(options, node);
    const rows = Object.entries(report.volumes).map(([name, { node: place, path }]): readonly [string, string] => [
      name,
      path ?? `node ${place}`,
    ]);
    return {
      json: { ...report, ...mark.fields },
      text: () =>
        `${mark.line}${report.group}@${String(report.generation)}\n${pairs([...rows, ['view', report.view]])}`,
    };
  },
};

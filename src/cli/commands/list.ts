/** `snapcommit list`: the live generations of a group, oldest first. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { generationStateWord } from '../render/generation.js';
import { defineStaleOption, markOf, readStale } from '../stale-option.js';
import { table } from '../render/table.js';
import { joined, shortTime } from '../render/text.js';

export const list: CommandModule = {
  define: defineStaleOption,
  async run({ operands: [text = ''], options, openNode }) {
    const group = nameOf('group', text);
    const node = await openNode(readStale(options));
    const generations = await node.list(group);
    const { fields, line } = markOf(options, node);
    const rows = generations.map((generation) => [
      `${group}@${String(generation.generation)}`,
      shortTime(generation.committedAt),
      generation.consistency.grade,
      generationStateWord(generation),
      joined(generation.holds),
      generation.message,
    ]);
    return {
      // A list has no room for the mark.
      json: options.flag('stale') ? { generations, ...fields } : generations,
      text: () =>
        rows.length === 0
          ? `${line}Group ${group} has no generation yet; \`snapcommit commit ${group}\` makes one.\n`
          : line + table(['generation', 'committed', 'grade', 'state', 'holds', 'message'], rows),
    };
  },
};

/** `snapcommit list`: the live generations of a group, oldest first. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { generationStateWord } from '../render/generation.js';
import { table } from '../render/table.js';
import { joined, shortTime } from '../render/text.js';

export const list: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const group = nameOf('group', text);
    const generations = await (await openNode()).list(group);
    const rows = generations.map((generation) => [
      `${group}@${String(generation.generation)}`,
      shortTime(generation.committedAt),
      generation.consistency.grade,
      generationStateWord(generation),
      joined(generation.holds),
      generation.message,
    ]);
    return {
      json: generations,
      text: () =>
        rows.length === 0
          ? `Group ${group} has no generation yet; \`snapcommit commit ${group}\` makes one.\n`
          : table(['generation', 'committed', 'grade', 'state', 'holds', 'message'], rows),
    };
  },
};

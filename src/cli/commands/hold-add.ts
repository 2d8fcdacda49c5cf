/** `snapcommit hold add`: keeps a generation from being pruned. */
import type { CommandModule } from '../command.js';
import { defineTagOption, readTag } from '../hold-options.js';
import { parseGeneration } from '../input.js';

export const holdAdd: CommandModule = {
  define: defineTagOption,
  async run({ operands: [text = ''], options, openNode }) {
    const name = parseGeneration(text);
    const tag = readTag(options);
    await (await openNode()).addHold(name, tag);
    return {
      json: { ...name, tag },
      text: () => `${name.group}@${String(name.generation)} is held under the tag ${tag}.\n`,
    };
  },
};

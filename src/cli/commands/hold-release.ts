/** `snapcommit hold release`: lets a held generation be pruned again. */
import type { CommandModule } from '../command.js';
import { defineTagOption, readTag } from '../hold-options.js';
import { parseGeneration } from '../input.js';

export const holdRelease: CommandModule = {
  define: defineTagOption,
  async run({ operands: [text = ''], options, openNode }) {
    const name = parseGeneration(text);
    const tag = readTag(options);
    await (await openNode()).releaseHold(name, tag);
    return {
      json: { ...name, tag, released: true },
      text: () => `${name.group}@${String(name.generation)} is no longer held under the tag ${tag}.\n`,
    };
  },
};

/** `snapcommit show`: one generation in full. */
import type { CommandModule } from '../command.js';
import { parseGeneration } from '../input.js';
import { generationText } from '../render/generation.js';

export const show: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const name = parseGeneration(text);
    const generation = await (await openNode()).show(name);
    return { json: generation, text: () => generationText(generation) };
  },
};

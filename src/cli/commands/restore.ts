/** `snapcommit restore`: an earlier generation becomes the live one, as a new generation. */
import type { CommandModule } from '../command.js';
import { defineCommitOptions, readCommitRequest } from '../commit-options.js';
import { parseGeneration } from '../input.js';
import { committedText } from '../render/generation.js';

export const restore: CommandModule = {
  define: defineCommitOptions,
  async run(invocation) {
    const { operands, options, openNode } = invocation;
    const { group, generation: sourceGeneration } = parseGeneration(operands[0] ?? '');
    const request = { ...readCommitRequest(invocation, group), sourceGeneration };
    const generation = await (await openNode()).restore(request, options.flag('wait'));
    return { json: generation, text: () => committedText(generation) };
  },
};

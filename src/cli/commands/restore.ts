/** `snapcommit restore`: an earlier generation becomes the live one, as a new generation. */
import type { CommandModule } from '../command.js';
import { defineCommitOptions, readCommitRequest } from '../commit-options.js';
import { parseGeneration } from '../input.js';
import { dryRunText } from '../render/dry-run.js';
import { committedText } from '../render/generation.js';

export const restore: CommandModule = {
  define: defineCommitOptions,
  async run(invocation) {
    const { operands, options, openNode } = invocation;
    const { group, generation: sourceGeneration } = parseGeneration(operands[0] ?? '');
    const request = { ...readCommitRequest(invocation, group), sourceGeneration };
    const node = await openNode();
    if (options.flag('dryRun')) {
      const plan = await node.restoreDryRun(request);
      return { json: plan, text: () => dryRunText(plan) };
    }
    const generation = await node.restore(request, options.flag('wait'));
    return { json: generation, text: () => committedText(generation) };
  },
};

/** `snapcommit commit`: captures all volumes of a group as one generation. */
import type { CommandModule } from '../command.js';
import { defineCommitOptions, readCommitRequest } from '../commit-options.js';
import { nameOf } from '../input.js';
import { committedText } from '../render/generation.js';
import { dryRunText } from '../render/dry-run.js';

export const commit: CommandModule = {
  define: defineCommitOptions,
  async run(invocation) {
    const { operands, options, openNode } = invocation;
    const request = readCommitRequest(invocation, nameOf('group', operands[0] ?? ''));
    const node = await openNode();
    if (options.flag('dryRun')) {
      const plan = await node.commitDryRun(request);
      return { json: plan, text: () => dryRunText(plan) };
    }
    const generation = await node.commit(request, options.flag('wait'));
    return { json: generation, text: () => committedText(generation) };
  },
};

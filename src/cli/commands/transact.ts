/** `snapcommit transact`: runs a command on clones and swaps them in. */
import type { CommandModule } from '../command.js';
import { defineCommitOptions, readCommand, readCommitRequest } from '../commit-options.js';
import { nameOf } from '../input.js';
import { dryRunText } from '../render/dry-run.js';
import { committedText } from '../render/generation.js';

export const transact: CommandModule = {
  define(command) {
    defineCommitOptions(command);
    command.option('--no-mount', 'no private mounts: the clones’ paths are in SNAPCOMMIT_VOLUME_<NAME>');
  },
  async run(invocation) {
    const { operands, options, openNode } = invocation;
    const request = {
      ...readCommitRequest(invocation, nameOf('group', operands[0] ?? '')),
      ...readCommand(invocation),
    };
    const node = await openNode();
    if (options.flag('dryRun')) {
      const plan = await node.transactDryRun(request);
      return { json: plan, text: () => dryRunText(plan) };
    }
    const generation = await node.transact(request, options.flag('wait'));
    return { json: generation, text: () => committedText(generation) };
  },
};

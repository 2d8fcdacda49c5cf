/** `snapcommit exec`: runs a command with one generation standing at the live paths. */
import type { CommandModule } from '../command.js';
import { readCommand } from '../commit-options.js';
import { parseReference } from '../input.js';
import { reasonOf } from '../interruption.js';
import { defineStaleOption, markOf, readStale } from '../stale-option.js';

export const exec: CommandModule = {
  define(command) {
    command.option('--no-mount', 'no private mounts: the generation’s paths are in SNAPCOMMIT_VOLUME_<NAME>');
    defineStaleOption(command);
  },
  async run(invocation) {
    const { group, generation } = parseReference(invocation.operands[0] ?? '');
    const { signal } = invocation;
    let opened = generation;
    const onOpened = (found: number): void => {
      opened = found;
    };
    const request = { group, generation, ...readCommand(invocation), onOpened, signal };
    const node = await invocation.openNode(readStale(invocation.options));
    const status = await node.exec(request);
    // What ended the command was us, not itself.
    if (signal.aborted) throw reasonOf(signal);
    return {
      json: { group, generation: opened, status, ...markOf(invocation.options, node).fields },
      text: () => '',
      status,
    };
  },
};

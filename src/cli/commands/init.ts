/** `snapcommit init`: a state directory with a new log. */
import { hostname } from 'node:os';
import { isName } from '../../config/names.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { nameOf } from '../input.js';
import { pairs } from '../render/table.js';

export const init: CommandModule = {
  define(command) {
    command.option('--node <NAME>', 'what this machine is called (default: its host name)');
  },
  async run({ options, globals, openers }) {
    const node = nodeName(options.text('node'));
    const made = await openers.initNode({ stateDirectory: globals.stateDirectory, node });
    return {
      json: made,
      text: () =>
        `A new log is ready.\n${pairs([
          ['state directory', made.stateDirectory],
          ['node', made.node],
          ['cluster', made.cluster],
        ])}Next: snapcommit volume add NAME --source PATH\n`,
    };
  },
};

function nodeName(given: string | null): string {
  if (given !== null) return nameOf('node', given);
  const host = hostname();
  if (isName(host)) return host;
  throw usage(`this machine's host name ${JSON.stringify(host)} cannot name a node; give one with --node NAME.`);
}

/** `snapcommit cluster init`: an embedded log becomes the first member of a cluster, with all that it holds. */
import type { CommandModule } from '../command.js';
import { addressOf, required } from '../input.js';
import { pairs } from '../render/table.js';

export const clusterInit: CommandModule = {
  define(command) {
    command.option('--address <HOST:PORT>', 'where the other members will reach this one');
  },
  async run({ options, globals, openers }) {
    const address = addressOf('--address', required('--address', options.text('address'), 'HOST:PORT'));
    const made = await openers.initCluster({ stateDirectory: globals.stateDirectory, address });
    return {
      json: made,
      text: () =>
        `This log is now a cluster of one. From here on only the daemon opens it.\n${pairs([
          ['cluster', made.cluster],
          ['node', made.node],
          ['address', made.address],
        ])}Next: snapcommit daemon (on this machine), then snapcommit cluster token\n`,
    };
  },
};

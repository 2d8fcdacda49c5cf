/** `snapcommit cluster remove`: a member leaves the cluster for good. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { membershipText } from '../render/cluster.js';

export const clusterRemove: CommandModule = {
  define(command) {
    command.option('--forfeit-volumes', 'its volumes are lost for good, and given up with it');
  },
  async run({ operands, options, openCluster }) {
    const node = nameOf('node', operands[0] ?? '');
    const change = await (await openCluster()).removeMember(node, options.flag('forfeitVolumes'));
    return { json: change, text: () => membershipText(`${node} is no member any more.`, change) };
  },
};

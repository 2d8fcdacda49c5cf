/** `snapcommit cluster remove`: a member leaves the cluster for good. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { membershipText } from '../render/cluster.js';

export const clusterRemove: CommandModule = {
  async run({ operands, openCluster }) {
    const node = nameOf('node', operands[0] ?? '');
    const change = await (await openCluster()).removeMember(node);
    return { json: change, text: () => membershipText(`${node} is no member any more.`, change) };
  },
};

/** `snapcommit cluster add`: a learner that has caught up becomes a voter. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { membershipText } from '../render/cluster.js';

export const clusterAdd: CommandModule = {
  async run({ operands, openCluster }) {
    const node = nameOf('node', operands[0] ?? '');
    const change = await (await openCluster()).addVoter(node);
    return { json: change, text: () => membershipText(`${node} votes now.`, change) };
  },
};

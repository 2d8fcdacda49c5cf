/** `snapcommit cluster members`: who belongs to the cluster, and where they listen. */
import type { CommandModule } from '../command.js';
import { membersTable } from '../render/cluster.js';

export const clusterMembers: CommandModule = {
  async run({ openCluster }) {
    const { members } = await (await openCluster()).status();
    const listed = members.map(({ node, role, address, isLeader, isSelf }) => ({
      node,
      role,
      address,
      isLeader,
      isSelf,
    }));
    return { json: listed, text: () => membersTable(members) };
  },
};

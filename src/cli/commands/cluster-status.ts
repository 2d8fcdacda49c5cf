/** `snapcommit cluster status`: who leads, how far each member is, and who cannot be reached since when. */
import type { CommandModule } from '../command.js';
import { clusterStatusText } from '../render/cluster.js';

export const clusterStatus: CommandModule = {
  async run({ openCluster }) {
    const status = await (await openCluster()).status();
    return { json: status, text: () => clusterStatusText(status) };
  },
};

/** `snapcommit cluster renew`: a new certificate for this machine's member. The daemon does the same by itself in time. */
import type { CommandModule } from '../command.js';
import { shortTime } from '../render/text.js';

export const clusterRenew: CommandModule = {
  async run({ openCluster }) {
    const renewed = await (await openCluster()).renewCertificate();
    return {
      json: renewed,
      text: () => `${renewed.node} has a new certificate, good until ${shortTime(renewed.validUntil)}.\n`,
    };
  },
};

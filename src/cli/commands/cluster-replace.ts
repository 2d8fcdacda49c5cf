/** `snapcommit cluster replace`: a learner takes a voter's place, in one change. */
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { nameOf } from '../input.js';
import { membershipText } from '../render/cluster.js';

export const clusterReplace: CommandModule = {
  async run({ operands, openCluster }) {
    const old = nameOf('node', operands[0] ?? '');
    const next = nameOf('node', operands[1] ?? '');
    if (old === next)
      throw usage(`${old} cannot take its own place; name the learner that shall take it.`, { node: old });
    const change = await (await openCluster()).replaceMember(old, next);
    return { json: change, text: () => membershipText(`${next} votes in the place of ${old}.`, change) };
  },
};

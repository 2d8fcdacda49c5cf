/** `snapcommit cluster undrain`: a node's volumes take part again. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';

export const clusterUndrain: CommandModule = {
  async run({ operands, openNode }) {
    const node = nameOf('node', operands[0] ?? '');
    const report = await (await openNode()).undrainNode(node);
    return { json: report, text: () => `${node} takes part in transactions again.\n` };
  },
};

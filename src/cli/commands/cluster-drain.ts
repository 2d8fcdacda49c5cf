/** `snapcommit cluster drain`: nothing new begins on a node, so that in time nothing keeps it. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { drainText } from '../render/drain.js';

export const clusterDrain: CommandModule = {
  async run({ operands, openNode }) {
    const node = nameOf('node', operands[0] ?? '');
    const report = await (await openNode()).drainNode(node);
    return { json: report, text: () => `${node} begins no transactions any more.\n${drainText(report)}` };
  },
};

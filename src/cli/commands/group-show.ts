/** `snapcommit group show`. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { groupText } from '../render/group.js';

export const groupShow: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const name = nameOf('group', text);
    const group = await (await openNode()).group(name);
    return { json: group, text: () => groupText(group) };
  },
};

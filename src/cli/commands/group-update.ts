/** `snapcommit group update`: changes only what is given. */
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { defineGroupOptions, readGroupChange } from '../group-options.js';
import { nameOf } from '../input.js';
import { groupText } from '../render/group.js';

export const groupUpdate: CommandModule = {
  define: defineGroupOptions,
  async run(invocation) {
    const name = nameOf('group', invocation.operands[0] ?? '');
    const change = readGroupChange(invocation);
    if (Object.keys(change).length === 0)
      throw usage('nothing to change was given; see `snapcommit group update --help`.');
    if (change.volumes?.length === 0)
      throw usage('a group needs at least one volume; `group remove` removes the group.');
    const group = await (await invocation.openNode()).updateGroup(name, change);
    return { json: group, text: () => `Group ${group.name} was changed.\n${groupText(group)}` };
  },
};

/** `snapcommit group create`. */
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { defineGroupOptions, readGroupChange } from '../group-options.js';
import { nameOf } from '../input.js';
import { groupText } from '../render/group.js';

const DEFAULT_STALL_LIMIT_MS = 5000;

export const groupCreate: CommandModule = {
  define: defineGroupOptions,
  async run(invocation) {
    const name = nameOf('group', invocation.operands[0] ?? '');
    const change = readGroupChange(invocation);
    const volumes = change.volumes ?? [];
    if (volumes.length === 0) throw usage('a group needs at least one volume; name them with --volume.');
    const record = {
      freezeCgroups: [],
      freezeUnits: [],
      stopUnits: [],
      require: null,
      stallLimitMs: DEFAULT_STALL_LIMIT_MS,
      preHooks: [],
      postHooks: [],
      ...change,
      name,
      volumes,
    };
    const group = await (await invocation.openNode()).createGroup(record);
    return { json: group, text: () => `Group ${group.name} was created.\n${groupText(group)}` };
  },
};

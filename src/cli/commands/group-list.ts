/** `snapcommit group list`. */
import type { CommandModule } from '../command.js';
import { table } from '../render/table.js';
import { joined } from '../render/text.js';

export const groupList: CommandModule = {
  async run({ openNode }) {
    const groups = await (await openNode()).groups();
    const rows = groups.map((group) => [
      group.name,
      group.generation === 0 ? '-' : String(group.generation),
      group.require ?? 'any',
      group.open ?? '-',
      joined(group.volumes),
    ]);
    return {
      json: groups,
      text: () =>
        rows.length === 0
          ? 'There are no groups yet; `snapcommit group create NAME --volume V` makes one.\n'
          : table(['group', 'newest', 'requires', 'open', 'volumes'], rows),
    };
  },
};

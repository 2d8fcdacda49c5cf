/** `snapcommit hold list`: the holds of a group, or of one generation of it. */
import type { CommandModule } from '../command.js';
import { parseReference } from '../input.js';
import { table } from '../render/table.js';

export const holdList: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const { group, generation } = parseReference(text);
    const all = await (await openNode()).holds(group);
    const holds = all.filter((hold) => generation === null || hold.generation === generation);
    const rows = holds.map((hold) => [`${hold.group}@${String(hold.generation)}`, hold.tag]);
    return {
      json: holds,
      text: () => (rows.length === 0 ? `${text} has no holds.\n` : table(['generation', 'tag'], rows)),
    };
  },
};

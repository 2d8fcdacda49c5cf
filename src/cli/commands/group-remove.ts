/** `snapcommit group remove`. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';

export const groupRemove: CommandModule = {
  define(command) {
    command.option('--with-generations', 'remove its generations too; a group that has some is refused otherwise');
  },
  async run({ operands: [text = ''], options, openNode }) {
    const group = nameOf('group', text);
    await (await openNode()).removeGroup(group, options.flag('withGenerations'));
    return { json: { group, removed: true }, text: () => `Group ${group} was removed; its volumes stay.\n` };
  },
};

/** `snapcommit volume remove`. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';

export const volumeRemove: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const volume = nameOf('volume', text);
    await (await openNode()).removeVolume(volume);
    return {
      json: { volume, removed: true },
      text: () => `Volume ${volume} was removed; its live tree is untouched.\n`,
    };
  },
};

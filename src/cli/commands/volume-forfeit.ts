/** `snapcommit volume forfeit`: a lost volume is given up. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';

export const volumeForfeit: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const volume = nameOf('volume', text);
    await (await openNode()).forfeitVolume(volume);
    return {
      json: { volume, forfeited: true },
      text: () => `Volume ${volume} was given up; the generations that hold it are incomplete now.\n`,
    };
  },
};

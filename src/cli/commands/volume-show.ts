/** `snapcommit volume show`. */
import type { CommandModule } from '../command.js';
import { nameOf } from '../input.js';
import { volumeText } from '../render/volume.js';

export const volumeShow: CommandModule = {
  async run({ operands: [text = ''], openNode }) {
    const name = nameOf('volume', text);
    const volume = await (await openNode()).volume(name);
    return { json: volume, text: () => volumeText(volume) };
  },
};

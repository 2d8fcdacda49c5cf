/** `snapcommit volume move`: the volume's disk is in this node now, or elsewhere on it. */
import type { CommandModule } from '../command.js';
import { nameOf, pathOf } from '../input.js';
import { volumeText } from '../render/volume.js';

export const volumeMove: CommandModule = {
  define(command) {
    command
      .option('--source <SRC>', 'where its live tree is now (default: the same path as before)')
      .option('--publish <DIR>', 'where its snapshots are now (default: as they lay to the live tree before)');
  },
  async run({ operands: [text = ''], options, io, openNode }) {
    const name = nameOf('volume', text);
    const source = options.text('source');
    const publish = options.text('publish');
    const volume = await (
      await openNode()
    ).moveVolume({
      name,
      source: source === null ? null : pathOf('--source', source, io.cwd),
      publishDirectory: publish === null ? null : pathOf('--publish', publish, io.cwd),
    });
    return { json: volume, text: () => `Volume ${volume.name} is on node ${volume.node} now.\n${volumeText(volume)}` };
  },
};

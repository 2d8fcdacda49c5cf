/** `snapcommit volume list`. */
import type { CommandModule } from '../command.js';
import { table } from '../render/table.js';
import { joined } from '../render/text.js';
import { volumeState } from '../render/volume.js';

export const volumeList: CommandModule = {
  async run({ openNode }) {
    const volumes = await (await openNode()).volumes();
    const rows = volumes.map((volume) => [
      volume.name,
      volume.node,
      volume.driver,
      volumeState(volume),
      joined(volume.groups),
      volume.source,
    ]);
    return {
      json: volumes,
      text: () =>
        rows.length === 0
          ? 'There are no volumes yet; `snapcommit volume add NAME --source PATH` adds one.\n'
          : table(['volume', 'node', 'driver', 'state', 'groups', 'source'], rows),
    };
  },
};

/** `snapcommit log export`: one JSON document, with or without --json. */
import type { CommandModule } from '../command.js';

export const logExport: CommandModule = {
  async run({ openNode }) {
    const document = await (await openNode()).exportLog();
    return { json: document, text: () => `${JSON.stringify(document, null, 2)}\n` };
  },
};

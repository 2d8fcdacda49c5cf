/** `snapcommit daemon`: this machine's member of the cluster, until it is told to stop. */
import type { CommandModule } from '../command.js';

export const daemon: CommandModule = {
  async run({ globals, openers, signal, settings }) {
    const ran = await openers.runDaemon({
      stateDirectory: globals.stateDirectory,
      settings: await settings(),
      verbose: globals.verbose,
      signal,
    });
    return { json: ran, text: () => '' };
  },
};

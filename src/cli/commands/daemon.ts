/** `snapcommit daemon`: this machine's member of the cluster, until it is told to stop. */
import { setFlagsFromString } from 'node:v8';
import type { CommandModule } from '../command.js';
import { daemonEngineFlags } from '../engine-flags.js';

export const daemon: CommandModule = {
  async run({ globals, openers, signal, settings }) {
    for (const flag of daemonEngineFlags(process.versions.node)) setFlagsFromString(flag);
    const ran = await openers.runDaemon({
      stateDirectory: globals.stateDirectory,
      settings: await settings(),
      verbose: globals.verbose,
      signal,
    });
    return { json: ran, text: () => '' };
  },
};

/** `snapcommit daemon`: this machine's member of the cluster, until it is told to stop. */
import { setFlagsFromString } from 'node:v8';
import type { CommandModule } from '../command.js';

export const daemon: CommandModule = {
  async run({ globals, openers, signal, settings }) {
    // V8 collects new objects with helper threads, which it wakes and waits for each time. What a daemon has of them is a
    // few megabytes; on a machine whose processors others use as well, waiting costs more than it saves.
    setFlagsFromString('--no-parallel-scavenge');
    // V8 compiles what runs often after a count that is meant for programs that compute. A daemon comes by a few thousand
    // times in an hour, and each time somebody waits for it: it is worth compiling far sooner.
    setFlagsFromString('--interrupt-budget=10000');
    const ran = await openers.runDaemon({
      stateDirectory: globals.stateDirectory,
      settings: await settings(),
      verbose: globals.verbose,
      signal,
    });
    return { json: ran, text: () => '' };
  },
};

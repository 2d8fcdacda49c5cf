/** `snapcommit thaw --all`, `snapcommit thaw --abandoned`: needs no log, and waits for nothing. */
import type { CommandModule } from '../command.js';
import type { ExitStatus } from '../exit-status.js';
import { usage } from '../failure.js';
import { table } from '../render/table.js';

/** A cgroup that could not be thawed: somebody has to look at it. */
const NOT_THAWED: ExitStatus = 6;

export const thaw: CommandModule = {
  define(command) {
    command
      .option('--all', 'every cgroup that a freeze intent names, also under commits that still run')
      .option('--abandoned', 'only what a dead commit left frozen; for units and scripts, at any time');
  },
  async run({ options, globals, openers }) {
    const all = options.flag('all');
    // One of them must be said, so that nobody thaws under a commit by mistake.
    if (all === options.flag('abandoned'))
      throw usage(
        'say `snapcommit thaw --all`, which thaws under commits that still run, too, or `snapcommit thaw --abandoned`, which does not.',
      );
    const thawed = await openers.thaw(globals.stateDirectory, all);
    const rows = thawed.map(({ cgroup, result, reason }) => [cgroup, WORDS[result], reason ?? '']);
    return {
      json: { thawed },
      text: () => (rows.length === 0 ? 'Nothing was frozen.\n' : table(['cgroup', 'outcome', 'reason'], rows)),
      status: thawed.some(({ result }) => result === 'failed') ? NOT_THAWED : 0,
    };
  },
};

const WORDS = { thawed: 'thawed', notFrozen: 'was not frozen', gone: 'is gone', failed: 'FAILED' } as const;

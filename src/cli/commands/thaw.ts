/** `snapcommit thaw --all`: needs no log, and waits for nothing. */
import type { CommandModule } from '../command.js';
import type { ExitStatus } from '../exit-status.js';
import { usage } from '../failure.js';
import { table } from '../render/table.js';

/** A cgroup that could not be thawed: somebody has to look at it. */
const NOT_THAWED: ExitStatus = 6;

export const thaw: CommandModule = {
  define(command) {
    command.option('--all', 'every cgroup that a freeze intent names (needed, so that nobody thaws by mistake)');
  },
  async run({ options, globals, openers }) {
    if (!options.flag('all')) throw usage('say `snapcommit thaw --all`: it thaws under commits that still run, too.');
    const thawed = await openers.thawAll(globals.stateDirectory);
    const rows = thawed.map(({ cgroup, result, reason }) => [cgroup, WORDS[result], reason ?? '']);
    return {
      json: { thawed },
      text: () => (rows.length === 0 ? 'Nothing was frozen.\n' : table(['cgroup', 'outcome', 'reason'], rows)),
      status: thawed.some(({ result }) => result === 'failed') ? NOT_THAWED : 0,
    };
  },
};

const WORDS = { thawed: 'thawed', notFrozen: 'was not frozen', gone: 'is gone', failed: 'FAILED' } as const;

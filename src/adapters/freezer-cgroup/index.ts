/** Pausing writers with the cgroup v2 freezer. The port is src/ports/writers.ts. */
import type { CommandRunner } from '../../ports/commands.js';
import type { Writers } from '../../ports/writers.js';
import { armFreeze } from './freeze.js';
import { readIntents } from './intent.js';
import { resolveTargets } from './resolve.js';
import { UPTIME_FILE } from './sleep-meter.js';
import { thawIntents } from './thaw-all.js';

export interface CgroupWritersOptions {
  /** Intents are kept in `freeze/` below it; it must exist before `arm`. */
  readonly stateDirectory: string;
  /** Asks systemd for the cgroups of units. */
  readonly runner: CommandRunner;
  /** The processes of this node's daemon, without which there is no log to go on with: their cgroups are not frozen. */
  readonly daemons?: () => readonly number[];
  /** Where the kernel tells how long the machine has been up, sleep included: another file in tests only. */
  readonly uptimeFile?: string;
}

export function createCgroupWriters({
  stateDirectory,
  runner,
  daemons = () => [],
  uptimeFile = UPTIME_FILE,
}: CgroupWritersOptions): Writers {
  return {
    resolve: (cgroups, units) => resolveTargets(runner, daemons, cgroups, units),
    arm: (transaction, targets, limitMs) => armFreeze(stateDirectory, transaction, targets, limitMs, uptimeFile),
    intents: async () => {
      const stored = await readIntents(stateDirectory);
      return stored.flatMap(({ intent }) => {
        if (intent === null) return [];
        const { id, transaction, pid, cgroups } = intent;
        return [{ id, transaction, pid, cgroups: cgroups.map(({ cgroup }) => cgroup) }];
      });
    },
    thawAll: (all) => thawIntents(stateDirectory, all),
  };
}

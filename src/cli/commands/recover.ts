/** `snapcommit recover`: looks, plans, acts. What it could not do is told, and gives the exit status. */
import type { RecoverReport, RecoveryAction, RecoveryStepReport } from '../../index.js';
import type { CommandModule } from '../command.js';
import type { ExitStatus } from '../exit-status.js';
import { printable } from '../render/text.js';

export const recover: CommandModule = {
  define(command) {
    command
      .option('--dry-run', 'say what would be done, and change nothing')
      .option(
        '--local-only',
        'this node alone, whatever becomes of the others of its cluster; leftovers that cannot be deleted are no failure',
      );
  },
  async run({ options, openNode }) {
    const localOnly = options.flag('localOnly');
    const recovery = await (await openNode()).recover(options.flag('dryRun'), localOnly);
    // what is dead and still there harms nobody: the volumes' users start all the same
    const isFailed = ({ action }: RecoveryStepReport): boolean => !localOnly || action !== 'remove';
    const failed = recovery.failures.map(({ action }) => action).filter(isFailed);
    return {
      json: recovery,
      text: () => recoveryText(recovery, isFailed),
      status: worstOf(failed.map(({ action }) => action)),
    };
  },
};

/** Worst first: a generation that readers do not get yet, then what is unknown to be over, then what can be repeated. */
const SEVERITY: readonly ExitStatus[] = [9, 7, 6, 5, 1, 0];

function worstOf(failed: readonly RecoveryAction['action'][]): ExitStatus {
  const statuses = new Set(failed.map((action) => STATUS_OF_ACTION[action]));
  return SEVERITY.find((status) => statuses.has(status)) ?? 0;
}

/** The status of a step that failed. */
const STATUS_OF_ACTION: Readonly<Record<RecoveryAction['action'], ExitStatus>> = {
  publish: 9,
  abort: 7,
  thaw: 6,
  reopen: 6,
  end: 6,
  remove: 6,
  unpin: 6,
  report: 6,
  pay: 5,
};

function recoveryText({ actions, failures }: RecoverReport, isFailed: (action: RecoveryStepReport) => boolean): string {
  if (actions.length + failures.length === 0) return 'Nothing to do.\n';
  const done = actions.map((action) => `${lineOf(action)}\n`);
  const failed = failures.map(
    ({ action, reason }) =>
      `${isFailed(action) ? 'FAILED' : 'warning'}: ${lineOf(action)}${action.reason === reason ? '' : `: ${printable(reason)}`}\n`,
  );
  return [...done, ...failed].join('');
}

function lineOf({ action, target, reason, node }: RecoveryStepReport): string {
  const where = node === undefined ? '' : ` on ${printable(node)}`;
  return `${action} ${printable(target)}${where} — ${printable(reason)}`;
}

/** `snapcommit install-units`: systemd's units for boot, daemon and timers. */
import type { UnitsReport } from '../../index.js';
import type { CommandModule, Invocation } from '../command.js';
import { usage } from '../failure.js';
import { DEFAULT_STATE_DIRECTORY } from '../global-options.js';
import { pathOf } from '../input.js';
import { table } from '../render/table.js';
import { printable } from '../render/text.js';

export const installUnits: CommandModule = {
  define(command) {
    command
      .option('--enable', 'enable recovery at boot, and the daemon where this is a member of a cluster')
      .option('--remove', 'disable them all and take them away; what runs goes on')
      .option('--overwrite', 'also what somebody has changed; without this, it is refused')
      .option('--root <DIR>', 'for the system below this directory, such as an image that is being made')
      .option('--dry-run', 'print the units, and change nothing');
  },
  async run(invocation) {
    const { options, globals, openers, io } = invocation;
    const root = options.text('root');
    if (options.flag('remove') && options.flag('enable')) throw usage('say --enable or --remove, not both.');
    const report = await openers.installUnits({
      stateDirectory: globals.stateDirectory,
      program: programOf(invocation),
      root: root === null ? '/' : pathOf('--root', root, io.cwd),
      enable: options.flag('enable'),
      remove: options.flag('remove'),
      overwrite: options.flag('overwrite'),
      dryRun: options.flag('dryRun'),
    });
    return { json: report, text: () => (report.dryRun ? plannedText(report) : doneText(report)) };
  },
};

/** Units have none of our environment, so they are told what is not the default. */
function programOf({ globals, io }: Invocation): readonly string[] {
  const { stateDirectory } = globals;
  return stateDirectory === DEFAULT_STATE_DIRECTORY ? io.program : [...io.program, '--state-dir', stateDirectory];
}

function plannedText({ units, enabled, warnings }: UnitsReport): string {
  const files = units.map(
    ({ path, action, content }) => `# ${printable(path)}: ${PLANNED[action]}\n${content ?? ''}\n`,
  );
  const enabling = enabled.map((unit) => `# ${unit}: would be enabled\n`);
  return `${files.join('')}${enabling.join('')}${warned(warnings)}# Nothing was changed.\n`;
}

const PLANNED = {
  written: 'would be written',
  replaced: 'would be replaced',
  unchanged: 'is so already',
  removed: 'would be removed',
  missing: 'is not there',
} as const;

function doneText({ units, enabled, warnings }: UnitsReport): string {
  const rows = units.map(({ path, action }) => [path, action === 'missing' ? 'was not there' : action]);
  const enabling = enabled.map((unit) => `${unit} is enabled.\n`);
  return `${table(['unit', 'outcome'], rows)}${enabling.join('')}${warned(warnings)}`;
}

function warned(warnings: readonly string[]): string {
  return warnings.map((warning) => `${printable(warning)}\n`).join('');
}

/** The help pages: the program's from the command table, a command's from commander, with statuses and examples. */
import type { Command } from 'commander';
import type { CommandEntry } from './command-entry.js';
import { COMMANDS } from './command-table.js';
import { EXIT_STATUSES, type ExitStatus, OWN_FAILURE_OFFSET } from './exit-status.js';
import { membersOf } from './find-command.js';

const WIDTH_MAX = 100;
const WIDTH_MIN = 60;
/** Descriptions are wrapped as long as they have this many columns. */
const WRAP_MIN = 20;

/** How wide a page is on a terminal of that many columns (0: no terminal). */
export function pageWidth(columns: number): number {
  return columns === 0 ? WIDTH_MAX : Math.min(WIDTH_MAX, Math.max(WIDTH_MIN, columns));
}

export function commandHelp(command: Command, entry: CommandEntry, width: number): string {
  const page = command.configureHelp({ helpWidth: width, minWidthToWrap: WRAP_MIN }).helpInformation();
  return `${page}\n${exitStatuses(entry)}\n${examples(entry.examples)}`;
}

/** `family`: a word such as `volume`; null: the program itself. */
export function programHelp(command: Command, family: string | null, width: number): string {
  const names = family === null ? Object.keys(COMMANDS) : membersOf(family);
  const title =
    family === null
      ? 'Commits filesystem snapshots atomically across volumes: one commit, any crash, no mix.'
      : `The commands of \`snapcommit ${family}\`.`;
  const usage = family === null ? 'snapcommit [options] COMMAND' : `snapcommit ${family} [options] COMMAND`;
  const globals = command
    .configureHelp({ helpWidth: width, minWidthToWrap: WRAP_MIN })
    .helpInformation()
    .replace(/^Usage:.*\n\n/, '');
  const last =
    family === null
      ? `\n${exitStatuses(null)}\n${examples(PROGRAM_EXAMPLES)}\nsnapcommit COMMAND --help tells more of one command.\n`
      : `\n${examples(names.flatMap((name) => COMMANDS[name]?.examples.slice(0, 1) ?? []))}`;
  return `Usage: ${usage}\n\n${title}\n\nCommands:\n${summaries(names)}\n${globals}${last}`;
}

const PROGRAM_EXAMPLES = [
  'snapcommit init',
  'snapcommit volume add db --source /srv/db',
  'snapcommit group create app --volume db',
  'snapcommit commit app',
  'snapcommit open app',
];

function summaries(names: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length));
  return names.map((name) => `  ${name.padEnd(width)}  ${COMMANDS[name]?.summary ?? ''}\n`).join('');
}

/** null: all of them. */
function exitStatuses(entry: CommandEntry | null): string {
  const statuses = Object.entries(EXIT_STATUSES).filter(
    ([status]) => entry === null || entry.statuses.some((one: ExitStatus) => String(one) === status),
  );
  const passes = entry?.takesCommand === true;
  const lines = statuses
    .filter(([status]) => !(passes && status === '0'))
    .map(([status, meaning]) => {
      const isSignal = Number(status) >= OWN_FAILURE_OFFSET;
      const shown = passes && !isSignal ? String(Number(status) + OWN_FAILURE_OFFSET) : status;
      return `  ${shown.padEnd(3)}  ${meaning}\n`;
    });
  const passed = passes ? ['       the COMMAND’s own status (128 + n for a signal); our own failures are:\n'] : [];
  return `Exit statuses:\n${[...passed, ...lines].join('')}`;
}

function examples(lines: readonly string[]): string {
  return `${lines.length === 1 ? 'Example' : 'Examples'}:\n${lines.map((line) => `  $ ${line}\n`).join('')}`;
}

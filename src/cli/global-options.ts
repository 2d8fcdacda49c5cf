/** The options that every command has, before or after its name. */
import type { Command } from 'commander';
import { resolve } from 'node:path';
import { usage } from './failure.js';
import type { Io } from './io.js';
import type { Options } from './options.js';

export const DEFAULT_STATE_DIRECTORY = '/var/lib/snapcommit';
export const STATE_DIRECTORY_VARIABLE = 'SNAPCOMMIT_STATE_DIR';

export interface Globals {
  /** Absolute. */
  readonly stateDirectory: string;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** null: no limit. */
  readonly timeoutMs: number | null;
}

/** Those that take a value, so that a command's name can be found behind them. */
export const GLOBAL_OPTIONS_WITH_VALUE: ReadonlySet<string> = new Set(['--state-dir', '--timeout']);

const HEADING = 'Global options:';

export function defineGlobalOptions(command: Command): void {
  const defaultText = `default ${DEFAULT_STATE_DIRECTORY}, or $${STATE_DIRECTORY_VARIABLE}`;
  const options = [
    command.createOption('--state-dir <DIR>', `where the log and the views live (${defaultText})`),
    command.createOption('--json', 'print exactly one JSON document on stdout'),
    command.createOption('--quiet', 'no progress'),
    command.createOption('--verbose', 'log each phase to stderr, as JSON lines'),
    command.createOption('--timeout <DURATION>', 'stop after this long, as if interrupted (500ms, 5s, 2m, 1h)'),
    command.createOption('--version', 'print the version'),
  ];
  for (const option of options) command.addOption(option.helpGroup(HEADING));
  command.addHelpOption(command.createOption('--help', 'print this help').helpGroup(HEADING));
}

/** USAGE where one is not valid. */
export async function readGlobals(options: Options, io: Io): Promise<Globals> {
  const timeout = options.text('timeout');
  return {
    stateDirectory: stateDirectoryOf(options.text('stateDir'), io),
    json: options.flag('json'),
    quiet: options.flag('quiet'),
    verbose: options.flag('verbose'),
    timeoutMs: timeout === null ? null : (await import('./input.js')).durationOf('--timeout', timeout),
  };
}

function stateDirectoryOf(option: string | null, io: Io): string {
  if (option === '') throw usage('--state-dir is empty; name a directory.', { option: 'stateDir' });
  const variable = io.env[STATE_DIRECTORY_VARIABLE];
  const given = option ?? (variable === undefined || variable === '' ? DEFAULT_STATE_DIRECTORY : variable);
  if (given.includes('\0')) throw usage('the state directory holds a NUL character.', { option: 'stateDir' });
  return resolve(io.cwd, given);
}

/** Commander for one command: its options and operands, parsed; usage errors as SnapcommitErrors. */
import { Command, CommanderError } from 'commander';
import type { CommandModule } from './command.js';
import type { CommandEntry } from './command-entry.js';
import { usage } from './failure.js';
import { defineGlobalOptions } from './global-options.js';
import { optionsOf, type Options } from './options.js';

export type Parsed =
  | { readonly kind: 'run'; readonly operands: readonly string[]; readonly options: Options }
  | { readonly kind: 'help' }
  | { readonly kind: 'version' };

/** The parser of `snapcommit NAME`. */
export function buildCommand(name: string, entry: CommandEntry, module: CommandModule): Command {
  const command = bareCommand(`snapcommit ${name}`);
  command.summary(entry.summary).description(`${capitalised(entry.summary)}.`);
  for (const operand of entry.operands) command.argument(operand.name, operand.description);
  const words = ['[options]', ...entry.operands.map((operand) => operand.name)];
  command.usage([...words, ...(entry.takesCommand === true ? ['-- COMMAND [ARGUMENT...]'] : [])].join(' '));
  module.define?.(command);
  defineGlobalOptions(command);
  return command;
}

/** The parser of the program itself, and of families such as `volume`: only the global options. */
export function buildProgram(name: string): Command {
  const command = bareCommand(name);
  defineGlobalOptions(command);
  return command;
}

function bareCommand(name: string): Command {
  const command = new Command(name);
  command.exitOverride();
  // What is printed is decided by main, from the exception.
  command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  return command;
}

/** Parses the arguments after the command's name. USAGE where they are not valid. */
export function parse(command: Command, rest: readonly string[]): Parsed {
  if (asksFor(command, rest, '--help')) return { kind: 'help' };
  if (asksFor(command, rest, '--version')) return { kind: 'version' };
  try {
    command.parse([...rest], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    throw usage(`${sentence(error.message)} ${adviceFor(command, error)}`, { problem: error.code });
  }
  return { kind: 'run', operands: command.args, options: optionsOf(command.opts()) };
}

/** Whether `flag` stands there as an option, and not as another option's value. */
function asksFor(command: Command, rest: readonly string[], flag: string): boolean {
  const end = rest.indexOf('--');
  const before = end < 0 ? rest : rest.slice(0, end);
  return before.some((argument, index) => argument === flag && !takesNext(command, before[index - 1]));
}

function takesNext(command: Command, previous: string | undefined): boolean {
  return command.options.some((option) => option.required && !option.variadic && option.long === previous);
}

function adviceFor(command: Command, error: CommanderError): string {
  const variadic = command.options.find((option) => option.variadic);
  const help = `See \`${command.name()} --help\`.`;
  // `volume add -x`: what begins with a dash can be no name.
  if (
    error.code === 'commander.unknownOption' &&
    /option '-[^-]/.test(error.message) &&
    command.registeredArguments.length > 0
  ) {
    return `No name begins with a dash: it begins with a letter or a digit. ${help}`;
  }
  if (error.code !== 'commander.missingArgument' || variadic === undefined) return help;
  return `${variadic.long ?? ''} takes every word up to the next option, so put the operand first. ${help}`;
}

/** `error: unknown option '--x'` -> `unknown option '--x'.` */
function sentence(message: string): string {
  const text = message.replace(/^error: /, '').replaceAll('\n', ' ');
  return /[.?)]$/.test(text) ? text : `${text}.`;
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/**
 * The command line from arguments to exit status: find the command, parse, run, print. What a command does stands in
 * commands/. Exactly one document goes to stdout with --json, whatever happens.
 */
import { readFileSync } from 'node:fs';
import { SnapcommitError } from '../errors.js';
import type { Answer } from './command.js';
import { COMMANDS, type CommandEntry } from './command-table.js';
import { exitStatusOf, INTERNAL_ERROR, ownFailure, passingExitStatusOf } from './exit-status.js';
import { asExpected, explain, failureDocument, messageOf, usage } from './failure.js';
import { findCommand } from './find-command.js';
import { readGlobals } from './global-options.js';
import { processIo, type Io } from './io.js';
import { libraryOpeners, type Openers } from './openers.js';
import { paintOn } from './render/style.js';
import { printable } from './render/text.js';
import { runCommand } from './run-command.js';

/** Runs this process's command line, and ends the process. */
export async function start(): Promise<never> {
  process.exit(await main(process.argv.slice(2), processIo(), libraryOpeners));
}

/** Resolves to the exit status; never rejects. */
export async function main(argv: readonly string[], io: Io, openers: Openers): Promise<number> {
  const wanted: Wanted = {
    json: beforeDashes(argv).includes('--json'),
    verbose: beforeDashes(argv).includes('--verbose'),
  };
  let entry: CommandEntry | null = null;
  try {
    const found = findCommand(argv);
    if (found.kind !== 'command')
      return await programPage(found.kind === 'family' ? found.name : null, found.rest, io, wanted);
    entry = COMMANDS[found.name] ?? null;
    if (entry === null) throw usage(`there is no command ${found.name}.`);
    return await command(found.name, entry, found.rest, io, openers, wanted);
  } catch (error) {
    return printFailure(asExpected(error), entry, io, wanted);
  }
}

/** What the arguments seem to want, until they are parsed: a failure to parse is printed as asked for, too. */
interface Wanted {
  json: boolean;
  verbose: boolean;
}

async function command(
  name: string,
  entry: CommandEntry,
  rest: readonly string[],
  io: Io,
  openers: Openers,
  wanted: Wanted,
): Promise<number> {
  const { own, words } = entry.takesCommand === true ? splitAtDashes(rest) : { own: rest, words: [] };
  const module = await entry.load();
  const { buildCommand, parse } = await import('./program.js');
  const parser = buildCommand(name, entry, module);
  const parsed = parse(parser, own);
  switch (parsed.kind) {
    case 'help': {
      const { commandHelp, pageWidth } = await import('./help.js');
      return printPage(commandHelp(parser, entry, pageWidth(io.stdout.columns)), io, wanted);
    }
    case 'version':
      return printVersion(io, wanted);
    case 'run': {
      if (entry.takesCommand === true && words.length === 0) {
        throw usage(
          `no command was given; write it after \`--\`: snapcommit ${name} ${parsed.operands[0] ?? 'GROUP'} -- COMMAND.`,
        );
      }
      const { operands, options } = parsed;
      const globals = readGlobals(options, io);
      Object.assign(wanted, { json: globals.json, verbose: globals.verbose });
      const answer = await runCommand(entry, module, { operands, options, command: words, globals, io, openers });
      return printAnswer(answer, io, wanted);
    }
  }
}

/** `snapcommit`, `snapcommit volume`, and --help and --version of both. */
async function programPage(family: string | null, rest: readonly string[], io: Io, wanted: Wanted): Promise<number> {
  const { buildProgram, parse } = await import('./program.js');
  const { pageWidth, programHelp } = await import('./help.js');
  const parser = buildProgram(family === null ? 'snapcommit' : `snapcommit ${family}`);
  const parsed = parse(parser, rest);
  if (parsed.kind === 'version') return printVersion(io, wanted);
  if (parsed.kind === 'help') return printPage(programHelp(parser, family, pageWidth(io.stdout.columns)), io, wanted);
  const missing = usage(`name a command; \`${parser.name()} --help\` lists them.`);
  if (wanted.json) throw missing;
  io.stderr.write(programHelp(parser, family, pageWidth(io.stderr.columns)));
  return exitStatusOf(missing);
}

function printAnswer(answer: Answer, io: Io, wanted: Wanted): number {
  io.stdout.write(wanted.json ? `${JSON.stringify(answer.json)}\n` : answer.text());
  return answer.status ?? 0;
}

function printPage(page: string, io: Io, wanted: Wanted): number {
  return printAnswer({ json: { help: page }, text: () => page }, io, wanted);
}

function printVersion(io: Io, wanted: Wanted): number {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const about: unknown = JSON.parse(text);
  const version = typeof about === 'object' && about !== null && 'version' in about ? String(about.version) : 'unknown';
  return printAnswer({ json: { version }, text: () => `${version}\n` }, io, wanted);
}

function printFailure(error: unknown, entry: CommandEntry | null, io: Io, wanted: Wanted): number {
  if (wanted.json) io.stdout.write(`${JSON.stringify(failureDocument(error))}\n`);
  const isExpected = error instanceof SnapcommitError;
  const label = paintOn(io, io.stderr)('red', isExpected ? 'snapcommit:' : 'snapcommit: internal error:');
  io.stderr.write(`${label} ${printable(messageOf(error))}\n`);
  if (wanted.verbose || !isExpected) io.stderr.write(explain(error));
  if (entry?.takesCommand !== true) return isExpected ? exitStatusOf(error) : INTERNAL_ERROR;
  return isExpected ? passingExitStatusOf(error) : ownFailure(INTERNAL_ERROR);
}

function beforeDashes(argv: readonly string[]): readonly string[] {
  const dashes = argv.indexOf('--');
  return dashes < 0 ? argv : argv.slice(0, dashes);
}

function splitAtDashes(rest: readonly string[]): {
  readonly own: readonly string[];
  readonly words: readonly string[];
} {
  const dashes = rest.indexOf('--');
  return dashes < 0 ? { own: rest, words: [] } : { own: rest.slice(0, dashes), words: rest.slice(dashes + 1) };
}

/**
 * The command line from arguments to exit status: find the command, parse, run, print. What a command does stands in
 * commands/. Exactly one document goes to stdout with --json, whatever happens.
 */
import { readFileSync } from 'node:fs';
import { SnapcommitError } from '../errors.js';
import type { Answer } from './command.js';
import type { CommandEntry } from './command-entry.js';
import { COMMANDS } from './command-table.js';
import { usage } from './failure.js';
import { findCommand } from './find-command.js';
import { readGlobals } from './global-options.js';
import { processIo, type Io } from './io.js';
import type { Wanted } from './print-failure.js';
import { libraryOpeners, type Openers } from './openers.js';
import { runCommand } from './run-command.js';

export { libraryOpeners };

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
    return (await import('./print-failure.js')).printFailure(error, entry, io, wanted);
  }
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
  const [module, { buildCommand, parse }] = await Promise.all([entry.load(), import('./program.js')]);
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
      const globals = await readGlobals(options, io);
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
  return (await import('./exit-status.js')).exitStatusOf(missing);
}

function printAnswer(answer: Answer, io: Io, wanted: Wanted): number {
  const text = wanted.json ? `${JSON.stringify(answer.json)}\n` : answer.text();
  const status = answer.status ?? 0;
  try {
    io.stdout.write(text);
  } catch (error) {
    const unheard = answerLost(error);
    if (status === 0) throw unheard;
    io.stderr.write(`snapcommit: ${unheard.message}\n`);
  }
  return status;
}

/** What was asked for is done by then: whoever takes it for a failure does it again. */
function answerLost(error: unknown): SnapcommitError {
  const reason = error instanceof Error ? error.message : String(error);
  return new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `it is done, but the answer could not be written to stdout: ${reason}. Do not run it again for that; ask ` +
      'with `snapcommit status` and `snapcommit list`.',
    {},
    error,
  );
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

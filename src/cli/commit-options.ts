/** The options that commit, transact and restore share, and the environment that a user's command gets. */
import type { Command } from 'commander';
import type { CommitRequest } from '../index.js';
import type { Invocation } from './command.js';
import { countOf, gradeOf, labelsOf, tokenOf } from './input.js';

export function defineCommitOptions(command: Command): void {
  command
    .option('--message <TEXT>', 'say what this generation is')
    .option('--label <KEY=VALUE...>', 'attach labels')
    .option('--require <GRADE>', 'abort rather than get less: fuzzy, independent, barrier or application')
    .option('--expect-generation <N>', 'only if this is the newest committed generation (0: none yet)')
    .option('--request-id <ID>', 'do it once, however often it is asked for with this id')
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--wait', 'wait for another commit of this group instead of refusing');
}

export function readCommitRequest(invocation: Invocation, group: string): CommitRequest {
  const { options, signal } = invocation;
  const require = options.text('require');
  const expectGeneration = options.text('expectGeneration');
  const requestId = options.text('requestId');
  return {
    group,
    message: options.text('message') ?? '',
    labels: labelsOf(options.list('label') ?? []),
    require: require === null ? null : gradeOf('--require', require),
    expectGeneration: expectGeneration === null ? null : countOf('--expect-generation', expectGeneration, 0),
    requestId: requestId === null ? null : tokenOf('request id', requestId),
    signal,
  };
}

/** Ours alone: a crash test of us is none of a program that we run. */
const NOT_HANDED_ON: ReadonlySet<string> = new Set([
  'SNAPCOMMIT_CRASH_AT',
  'SNAPCOMMIT_STOP_AT',
  'SNAPCOMMIT_CRASH_TRACE',
]);

/** What a user's command needs: its words, environment, place, and where its stdout goes. */
export function readCommand(invocation: Invocation) {
  const { command, io, globals } = invocation;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(io.env)) {
    if (value !== undefined && !NOT_HANDED_ON.has(name)) environment[name] = value;
  }
  return {
    command,
    environment,
    workingDirectory: io.cwd,
    // commander turns --no-mount into a `mount` that is true until it is given.
    mount: invocation.options.flag('mount'),
    stdout: globals.json ? ('stderr' as const) : ('inherit' as const),
  };
}

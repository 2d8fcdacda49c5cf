/** The one way out for failures: a document for --json, a line for people, and the exit status. */
import { SnapcommitError } from '../errors.js';
import type { CommandEntry } from './command-entry.js';
import { exitStatusOf, INTERNAL_ERROR, ownFailure, passingExitStatusOf } from './exit-status.js';
import { asExpected, explain, failureDocument, messageOf } from './failure.js';
import type { Io } from './io.js';
import { paintOn } from './render/style.js';
import { printable } from './render/text.js';

/** What the arguments seem to want, until they are parsed: a failure to parse is printed as asked for, too. */
export interface Wanted {
  json: boolean;
  verbose: boolean;
}

/** Prints `thrown` and answers the exit status. `entry`: the command that failed; null where none was found. */
export function printFailure(thrown: unknown, entry: CommandEntry | null, io: Io, wanted: Wanted): number {
  const error = asExpected(thrown);
  if (wanted.json) writeDocument(error, io);
  const isExpected = error instanceof SnapcommitError;
  const label = paintOn(io, io.stderr)('red', isExpected ? 'snapcommit:' : 'snapcommit: internal error:');
  io.stderr.write(`${label} ${printable(messageOf(error))}${aftermath(error)}\n`);
  if (wanted.verbose || !isExpected) io.stderr.write(explain(error));
  if (entry?.takesCommand !== true) return isExpected ? exitStatusOf(error) : INTERNAL_ERROR;
  return isExpected ? passingExitStatusOf(error) : ownFailure(INTERNAL_ERROR);
}

/** Where stdout takes nothing, the line on stderr and the status still tell. */
function writeDocument(error: unknown, io: Io): void {
  try {
    io.stdout.write(`${JSON.stringify(failureDocument(error))}\n`);
  } catch {
    // Nothing more can be done about it.
  }
}

/** These say themselves how things stand. */
const SELF_EXPLAINING: ReadonlySet<string> = new Set([
  'COMMAND_FAILED',
  'OUTCOME_UNKNOWN',
  'PUBLISH_PENDING',
  'ABORTED',
]);

/** What became of a transaction that was begun. */
function aftermath(error: unknown): string {
  if (!(error instanceof SnapcommitError) || error.details['begun'] !== true || SELF_EXPLAINING.has(error.code))
    return '';
  const { transaction, open } = error.details;
  // It says itself what ends it.
  if (open === true) return '';
  const which = typeof transaction === 'string' ? `Transaction ${transaction}` : 'The transaction';
  return ` ${which} was aborted; nothing was published.`;
}

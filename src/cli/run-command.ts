/** One run of one command: settings, progress, interruption, and a node that is closed whatever happens. */
import { loadSettings } from '../config/load.js';
import type { FileSettings } from '../config/schema.js';
import { SnapcommitError } from '../errors.js';
import type { Answer, CommandModule, Invocation } from './command.js';
import type { CommandEntry } from './command-entry.js';
import { messageOf } from './failure.js';
import { watchForInterruption } from './interruption.js';
import { progressReporter } from './progress.js';

/** Rejects with what the command failed with; the interruption's reason where it was left. */
export async function runCommand(
  entry: CommandEntry,
  module: CommandModule,
  input: Omit<Invocation, 'signal' | 'openNode' | 'openCluster' | 'settings'>,
): Promise<Answer> {
  const { io, globals, openers } = input;
  const progress = await progressReporter(io, globals);
  const interruption = watchForInterruption(io, globals.timeoutMs, () => progress.current());
  const opened: { close(): void }[] = [];
  const { stateDirectory, timeoutMs } = globals;
  const settings = async (): Promise<FileSettings> => loadSettings(stateDirectory);
  const keep = async <T extends { close(): void }>(opening: Promise<T>): Promise<T> => {
    // Nothing is begun while the log is opened, so that may be left at once by every command.
    const one = await interruption.race(opening);
    opened.push(one);
    return one;
  };
  const openNode: Invocation['openNode'] = async (how = { stale: false }) =>
    keep(openers.openNode({ stateDirectory, settings: await settings(), report: progress.report, timeoutMs, ...how }));
  const openCluster: Invocation['openCluster'] = async () =>
    keep(openers.openCluster({ stateDirectory, settings: await settings(), timeoutMs }));
  try {
    const running = module.run({ ...input, signal: interruption.signal, openNode, openCluster, settings });
    return await (entry.endsItself === true ? running : interruption.race(running));
  } catch (error) {
    const isLeft = entry.goesOnInDaemon === true && opened.length > 0 && error === interruption.signal.reason;
    throw isLeft ? leftToTheDaemon(error) : error;
  } finally {
    progress.clear();
    interruption.end();
    for (const one of opened) one.close();
  }
}

function leftToTheDaemon(error: unknown): SnapcommitError {
  return new SnapcommitError(
    'OUTCOME_UNKNOWN',
    `it is not known whether it was done: ${messageOf(error)} The daemon may go on with it; \`snapcommit cluster status\` ` +
      'shows how things stand. Run the same command again: what is done already is not done twice.',
    error instanceof SnapcommitError ? error.details : {},
    error,
  );
}

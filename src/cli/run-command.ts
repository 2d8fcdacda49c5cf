/** One run of one command: settings, progress, interruption, and a node that is closed whatever happens. */
import { loadSettings } from '../config/load.js';
import type { SnapcommitNode } from '../index.js';
import type { Answer, CommandModule, Invocation } from './command.js';
import type { CommandEntry } from './command-table.js';
import { watchForInterruption } from './interruption.js';
import { progressReporter } from './progress.js';

/** Rejects with what the command failed with; the interruption's reason where it was left. */
export async function runCommand(
  entry: CommandEntry,
  module: CommandModule,
  input: Omit<Invocation, 'signal' | 'openNode'>,
): Promise<Answer> {
  const { io, globals, openers } = input;
  const progress = await progressReporter(io, globals);
  const interruption = watchForInterruption(io, globals.timeoutMs, () => progress.current());
  const opened: SnapcommitNode[] = [];
  const openNode = async (): Promise<SnapcommitNode> => {
    const { stateDirectory } = globals;
    const settings = await loadSettings(stateDirectory);
    // Nothing is begun while the log is opened, so that may be left at once by every command.
    const node = await interruption.race(openers.openNode({ stateDirectory, settings, report: progress.report }));
    opened.push(node);
    return node;
  };
  try {
    const running = module.run({ ...input, signal: interruption.signal, openNode });
    return await (entry.endsItself === true ? running : interruption.race(running));
  } finally {
    progress.clear();
    interruption.end();
    for (const node of opened) node.close();
  }
}

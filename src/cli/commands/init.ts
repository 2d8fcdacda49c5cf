/** `snapcommit init`: a state directory with a new log, or with a lost one built anew. */
import { hostname } from 'node:os';
import { isName } from '../../config/names.js';
import type { RebuildReport } from '../../index.js';
import type { Answer, CommandModule, Invocation } from '../command.js';
import { usage } from '../failure.js';
import { nameOf, pathOf } from '../input.js';
import { pairs } from '../render/table.js';
import { rebuildText } from '../render/rebuild.js';

export const init: CommandModule = {
  define(command) {
    command
      .option('--node <NAME>', 'what this machine is called (default: its host name)')
      .option('--from-volumes <DIR...>', 'build a lost log anew from these publish directories')
      .option('--from-export <FILE>', 'build a lost log anew from a document of `log export` and its volumes')
      .option('--accept-loss', 'do it: without this, a rebuild only tells what it finds and what is lost')
      .option('--dry-run', 'change nothing, only tell');
  },
  async run(invocation) {
    const { options, globals, openers } = invocation;
    const rebuilds = options.list('fromVolumes') !== null || options.text('fromExport') !== null;
    if (rebuilds) return rebuild(invocation);
    for (const [flag, name] of REBUILD_ONLY) {
      if (options.flag(name)) throw usage(`${flag} goes with --from-volumes or --from-export only.`);
    }
    const node = nodeName(options.text('node'));
    const made = await openers.initNode({ stateDirectory: globals.stateDirectory, node });
    return {
      json: made,
      text: () =>
        `A new log is ready.\n${pairs([
          ['state directory', made.stateDirectory],
          ['node', made.node],
          ['cluster', made.cluster],
        ])}Next: snapcommit volume add NAME --source PATH\n`,
    };
  },
};

const REBUILD_ONLY = [
  ['--accept-loss', 'acceptLoss'],
  ['--dry-run', 'dryRun'],
] as const;

async function rebuild({ options, globals, openers, io }: Invocation): Promise<Answer> {
  const given = options.text('node');
  const file = options.text('fromExport');
  const directories = options.list('fromVolumes') ?? [];
  const report: RebuildReport = await openers.rebuildNode({
    stateDirectory: globals.stateDirectory,
    node: given === null ? null : nameOf('node', given),
    defaultNode: given ?? hostname(),
    directories: directories.map((directory) => pathOf('--from-volumes', directory, io.cwd)),
    exportFile: file === null ? null : pathOf('--from-export', file, io.cwd),
    acceptLoss: options.flag('acceptLoss') && !options.flag('dryRun'),
  });
  return { json: report, text: () => rebuildText(report) };
}

function nodeName(given: string | null): string {
  if (given !== null) return nameOf('node', given);
  const host = hostname();
  if (isName(host)) return host;
  throw usage(`this machine's host name ${JSON.stringify(host)} cannot name a node; give one with --node NAME.`);
}

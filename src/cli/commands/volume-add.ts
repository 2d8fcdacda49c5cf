/** `snapcommit volume add`: puts a tree under management. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { DriverName } from '../../index.js';
import type { CommandModule } from '../command.js';
import { usage } from '../failure.js';
import { nameOf, pathOf } from '../input.js';
import { volumeTreeText } from '../render/volume-tree.js';
import { volumeText } from '../render/volume.js';

/** `memory` is for tests inside one process. */
const DRIVERS: readonly DriverName[] = ['btrfs', 'zfs', 'directory'];

export const volumeAdd: CommandModule = {
  define(command: Command) {
    command
      .requiredOption('--source <SRC>', 'the live tree: a btrfs subvolume, a directory, or a ZFS dataset')
      .option('--driver <DRIVER>', 'btrfs, zfs or directory (default: detected)')
      .option('--publish <DIR>', 'where its snapshots stand (default: .snapcommit/NAME beside the source)')
      .option(
        '--recursive',
        'of ZFS: with every dataset below it as a volume NAME-CHILD, publishing in DIR/NAME-CHILD; run again, it adds what is new',
      )
      .option('--dry-run', 'with --recursive: say what would be added, and add nothing');
  },
  async run({ operands: [text = ''], options, io, openNode }) {
    const name = nameOf('volume', text);
    const driver = driverOf(options.text('driver'));
    const given = options.text('source') ?? '';
    const publish = options.text('publish');
    const request = {
      name,
      source: isDatasetName(driver, given, io.cwd) ? given : pathOf('--source', given, io.cwd),
      driver,
      publishDirectory: publish === null ? null : pathOf('--publish', publish, io.cwd),
    };
    const dryRun = options.flag('dryRun');
    if (options.flag('recursive')) {
      const tree = await (await openNode()).addVolumeTree({ ...request, dryRun });
      return { json: tree, text: () => volumeTreeText(tree) };
    }
    if (dryRun) throw usage('--dry-run goes with --recursive; one volume is added, or refused, as a whole.');
    const volume = await (await openNode()).addVolume(request);
    return { json: volume, text: () => `Volume ${volume.name} was added.\n${volumeText(volume)}` };
  },
};

/** A dataset's name is no path: it is taken for one where nothing is there under it. */
function isDatasetName(driver: DriverName | null, given: string, cwd: string): boolean {
  if (!/^[A-Za-z][^/]*(\/[^/]+)*$/.test(given)) return false;
  return driver === 'zfs' || (driver === null && !existsSync(resolve(cwd, given)));
}

function driverOf(text: string | null): DriverName | null {
  if (text === null) return null;
  const driver = DRIVERS.find((candidate) => candidate === text);
  if (driver !== undefined) return driver;
  throw usage(`--driver ${JSON.stringify(text)} is none; the drivers are ${DRIVERS.join(', ')}.`, { value: text });
}

/** Child datasets as volumes of their own: looking for them, and remembering on the dataset itself that this is wanted. */
import type { Nesting, NestedTrees, VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated } from './failures.js';
import { findSource, inspect } from './inspect.js';
import { allBelow, sortNested } from './nested.js';
import { CHILDREN, COLUMNS, localOf, parseProperties, RECURSIVE } from './properties.js';
import { liveDataset } from './site.js';

export function nesting(commands: ZfsCommands): Nesting {
  return {
    below: (name, source) => below(commands, name, source),
    inspect: (name, source, publishDirectory) => inspect(commands, name, source, publishDirectory, false, true),
    include: (volume) => include(commands, volume),
    forget: (volume) => forget(commands, volume),
  };
}

async function below(commands: ZfsCommands, name: string, given: string): Promise<NestedTrees> {
  const { source, dataset, mounts } = await findSource(commands, name, given);
  const place = { name, source, publishDirectory: '' };
  return translated(place, 'look below', dataset, async () => {
    const found = await allBelow(commands, [dataset]);
    return { called: dataset, source, ...sortNested(dataset, found, mounts) };
  });
}

/** A property of the dataset's own, so that a pool which goes to another machine or log keeps it. */
async function include(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  const dataset = liveDataset(volume);
  await translated(volume, 'set a property of', dataset, async () => {
    if ((await saidOf(commands, dataset)) === RECURSIVE) return;
    await commands.zfs(['set', `${CHILDREN}=${RECURSIVE}`, dataset]);
  });
}

async function forget(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  const dataset = liveDataset(volume);
  await translated(volume, 'take a property from', dataset, async () => {
    if ((await saidOf(commands, dataset)) === RECURSIVE) await commands.zfs(['inherit', CHILDREN, dataset]);
  });
}

async function saidOf(commands: ZfsCommands, dataset: string): Promise<string | null> {
  const [found] = parseProperties(await commands.zfs(['get', '-H', '-p', '-o', COLUMNS, CHILDREN, dataset]));
  return found === undefined ? null : localOf(found, CHILDREN);
}

/**
 * Read-only and writable. What was inherited before is inherited again afterwards. A live tree is made read-only to be
 * replaced, so what would be in the way of that is told then.
 */
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { translated } from './failures.js';
import { readFamily } from './family.js';
import { isReadOnly } from './properties.js';
import { assertNoReaders } from './readers.js';
import { liveDataset } from './site.js';
import { leadAside, leadBack } from './stand-ins.js';
import { absent } from './zfs-failure.js';

export async function setLiveReadOnly(commands: ZfsCommands, volume: VolumePlace, readOnly: boolean): Promise<void> {
  const dataset = liveDataset(volume);
  if (readOnly) await leadReadersAside(commands, volume);
  await translated(volume, readOnly ? 'make read-only' : 'make writable', dataset, () =>
    setReadOnly(commands, dataset, readOnly),
  );
  // nothing is exchanged after all
  if (!readOnly) await leadBack(commands, volume, await readFamily(commands, volume));
}

/** From here on nobody comes into the snapshots by a generation's name; who is in one already is told of. */
async function leadReadersAside(commands: ZfsCommands, volume: VolumePlace): Promise<void> {
  const family = await readFamily(commands, volume);
  await leadAside(volume, family);
  try {
    await assertNoReaders(commands, volume, family);
  } catch (failure) {
    await leadBack(commands, volume, family);
    throw failure;
  }
}

export async function setReadOnly(commands: ZfsCommands, dataset: string, readOnly: boolean): Promise<void> {
  if ((await isReadOnlyNow(commands, dataset)) === readOnly) return;
  if (readOnly) {
    await commands.zfs(['set', 'readonly=on', dataset]);
    return;
  }
  await commands.zfs(['inherit', 'readonly', dataset]);
  if (await isReadOnlyNow(commands, dataset)) await commands.zfs(['set', 'readonly=off', dataset]);
}

async function isReadOnlyNow(commands: ZfsCommands, dataset: string): Promise<boolean> {
  const [found] = await commands.describe([dataset]);
  if (found === undefined) throw absent(dataset);
  return isReadOnly(found);
}

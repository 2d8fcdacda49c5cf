/** A volume leaves the log, and with it our mark on its publish directory, so that another log may manage it. */
import { lookup } from '../machine/record.js';
import { SnapcommitError } from '../errors.js';
import type { State, VolumeState } from '../machine/state.js';
import type { Context } from '../participant/context.js';
import { volumeLock, withFence } from '../participant/fence.js';
import { messageOf } from '../participant/publish.js';
import { withdrawStamp } from '../participant/stamps.js';

/** `remove` takes it out of the log. What stands in the way of the mark is told, and undoes nothing. */
export async function removeVolume(context: Context, name: string, remove: () => Promise<void>): Promise<void> {
  const record = lookup((await context.log.read()).volumes, name)?.record;
  await remove();
  if (record?.node !== context.self.node) return;
  const { publishDirectory } = record;
  const withdraw = async (): Promise<void> => {
    // Somebody may have added it again since, under whatever name.
    const { volumes } = await context.log.read();
    const isManaged = Object.values(volumes).some((volume) => volume.record.publishDirectory === publishDirectory);
    if (isManaged) return;
    await withdrawStamp(context.files, publishDirectory, context.log.identity.cluster);
    await (await context.driver(record.driver)).nesting?.forget(record);
  };
  await withFence(context, volumeLock(name), withdraw).catch((error: unknown) => {
    const message = `volume ${name} is removed, but not every mark of ours on it: ${messageOf(error)}`;
    context.report({ kind: 'warning', message });
  });
}

/** Our mark on the disk is to go with the volume, and only its own node can see to that. */
export function assertOwn({ volumes }: State, name: string, self: string): void {
  const found = lookup(volumes, name);
  if (found === undefined || found.forfeited || found.record.node === self) return;
  const { node } = found.record;
  throw new SnapcommitError(
    'UNSUPPORTED',
    `volume ${name} is on node ${node}, which alone can take our mark off its disk: run \`snapcommit volume remove ${name}\` ` +
      `there. If it is lost for good, run \`snapcommit volume forfeit ${name}\`.`,
    { volume: name, node },
  );
}

/** @throws VOLUME_NOT_FOUND */
export function requireVolume(state: State, name: string): VolumeState {
  const found = lookup(state.volumes, name);
  if (found !== undefined) return found;
  throw new SnapcommitError('VOLUME_NOT_FOUND', `there is no volume ${name}; \`snapcommit volume list\` shows them.`, {
    volume: name,
  });
}

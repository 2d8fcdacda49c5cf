/**
 * Those who read generations, beside an exchange or a deletion. A snapshot is mounted by the kernel for whoever looks into it, below the
 * dataset that it is of. A promotion takes all of these mounts away, and fails where somebody is in one: so that is looked at
 * before anything is decided. Who comes by a generation's name meanwhile is led to its stand-in (stand-ins.ts).
 */
import { dirname } from 'node:path';
import { SnapcommitError } from '../../errors.js';
import { unmountIdle } from '../../native/mount-swap.js';
import { readMounts, type Mount } from '../../native/mountinfo.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import type { ZfsCommands } from './command.js';
import { movedWith, sealedClones } from './exchange-ahead.js';
import { errnoOf, zfsError } from './failures.js';
import type { Family } from './family.js';
import { lastComponent, poolOf } from './names.js';
import { isBusy, whenLetGo } from './patience.js';
import { CAN_PROMOTE, parseAnswer } from './programs.js';
import type { Dataset } from './properties.js';
import { treePath } from './site.js';
import { ZfsFailure } from './zfs-failure.js';

/** Where the kernel mounts them, below the dataset. */
const SNAPSHOTS = '/.zfs/snapshot';

/** @throws IN_USE where somebody stays in a snapshot that the exchange to come takes away, or sends it. */
export async function assertNoReaders(commands: ZfsCommands, volume: VolumePlace, family: Family): Promise<void> {
  for (const mountPoint of promotedMounts(volume, family, readMounts('self'))) {
    try {
      // who only looks in again and again is let in again
      await whenLetGo(() => {
        unmountIdle(mountPoint);
        return Promise.resolve();
      });
    } catch (failure) {
      if (errnoOf(failure) === 'EBUSY') throw inUse(volume, mountPoint, failure);
      // it has gone by itself
      if (!['EINVAL', 'ENOENT'].includes(errnoOf(failure))) throw failure;
    }
  }
  for (const clone of sealedClones(family)) await assertPromotable(commands, volume, family, clone);
}

/**
 * ZFS's own word: a `zfs send` keeps a snapshot as a mount does, and so does a mount in another namespace, which nobody sees
 * from here. A clone that is promoted over several trees takes in turn what each of them would take.
 */
export async function assertPromotable(
  commands: ZfsCommands,
  volume: VolumePlace,
  family: Family,
  clone: Dataset,
): Promise<void> {
  for (const name of movedWith(family, clone)) {
    if (name === family.liveName) continue;
    try {
      await whenLetGo(async () => promotable(commands, volume, family, name));
    } catch (failure) {
      if (isBusy(failure)) throw inSending(volume, failure);
      // of the others nothing but what is in use will be the clone's
      if (name === clone.name || !(failure instanceof ZfsFailure)) throw zfsError(volume, 'promote', name, failure);
    }
  }
}

async function promotable(commands: ZfsCommands, volume: VolumePlace, family: Family, name: string): Promise<void> {
  const answer = parseAnswer(await commands.zfs(['program', '-j', poolOf(name), '-', name], CAN_PROMOTE));
  if (typeof answer === 'string') return;
  // somebody may have looked into one by its own path again
  for (const mountPoint of promotedMounts(volume, family, readMounts('self'))) unmountUnlessUsed(mountPoint);
  throw new ZfsFailure('zfs', ['promote', name], answer.reason);
}

/**
 * What the kernel has mounted of the live dataset's snapshots, and of those trees' that will be promoted over as well: a
 * restored generation may stand on a tree that an earlier exchange has replaced.
 */
export function promotedMounts(volume: VolumePlace, family: Family, mounts: readonly Mount[]): readonly string[] {
  const moved = sealedClones(family).flatMap((clone) => [...movedWith(family, clone)]);
  const trees = family.trees.filter(({ name }) => moved.includes(name));
  const roots = [volume.source, ...trees.map(({ name }) => treePath(volume, lastComponent(name)))];
  const directories = new Set(roots.map((root) => `${root}${SNAPSHOTS}`));
  return mounts.map(({ mountPoint }) => mountPoint).filter((mountPoint) => directories.has(dirname(mountPoint)));
}

/**
 * Takes away what the kernel has mounted of a snapshot, where nobody is in it. The kernel finds such a mount by the name that
 * the snapshot had when somebody looked into it: where it was renamed by a program, or while somebody was in it, a
 * `zfs destroy` does not find it, and says "busy" until the next boot.
 */
export function unmountSnapshot(snapshot: string): void {
  for (const mountPoint of mountPointsOf(snapshot, readMounts('self'))) unmountUnlessUsed(mountPoint);
}

function unmountUnlessUsed(mountPoint: string): void {
  try {
    unmountIdle(mountPoint);
  } catch (failure) {
    // somebody is in it, it has gone by itself, or we may not
    if (!['EBUSY', 'EINVAL', 'ENOENT', 'EPERM'].includes(errnoOf(failure))) throw failure;
  }
}

/** Where the kernel has mounted it, by whatever name it had then; what somebody mounted elsewhere is theirs. */
export function mountPointsOf(snapshot: string, mounts: readonly Mount[]): readonly string[] {
  return mounts
    .filter(({ type, source }) => type === 'zfs' && source === snapshot)
    .map(({ mountPoint }) => mountPoint)
    .filter((mountPoint) => dirname(mountPoint).endsWith(SNAPSHOTS));
}

function inUse(volume: VolumePlace, path: string, failure: unknown): SnapcommitError {
  const message = `volume ${volume.name} (${volume.source}): somebody is reading in ${path}, and ZFS cannot replace a live dataset meanwhile; see who it is (fuser -vm ${path}), and try again when nobody reads there`;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, path }, failure);
}

function inSending(volume: VolumePlace, failure: unknown): SnapcommitError {
  const message = `volume ${volume.name} (${volume.source}): a snapshot that would go over to the new live dataset is in use, by a \`zfs send\` or a mount of it elsewhere (a container), and ZFS cannot replace the live dataset meanwhile; try again when that has ended`;
  return new SnapcommitError('IN_USE', message, { volume: volume.name, path: volume.source }, failure);
}

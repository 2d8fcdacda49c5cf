/** What this machine has of OpenZFS. */
import { readFile } from 'node:fs/promises';
import { findProgram } from './command.js';

const MODULE = '/sys/module/zfs/version';
const OLDEST: readonly [major: number, minor: number] = [2, 1];

export interface ZfsPresence {
  readonly hasPrograms: boolean;
  /** The loaded module's version; null where it is not loaded. */
  readonly version: string | null;
  readonly isRecent: boolean;
}

export async function zfsPresence(moduleFile = MODULE, find = findProgram): Promise<ZfsPresence> {
  const hasPrograms = await Promise.all([find('zfs'), find('zpool')]).then(
    () => true,
    () => false,
  );
  const version = await readFile(moduleFile, 'utf8').then(
    (text) => text.trim(),
    () => null,
  );
  const [major = 0, minor = 0] = (version ?? '').split('.').map(Number);
  return { hasPrograms, version, isRecent: major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]) };
}

/** What the programs of ZFS say when they fail, and what the system refuses, as errors that name the volume. */
import { SnapcommitError, type ErrorCode } from '../../errors.js';
import type { VolumePlace } from '../../ports/volume-driver.js';
import { ZfsFailure } from './zfs-failure.js';

export type Meaning = 'absent' | 'exists' | 'busy' | 'denied' | 'full' | 'missing' | 'unavailable' | 'other';

const ABSENT = /does not exist|no such pool|could not find any snapshots|not found/i;

const WORDS: readonly [Meaning, RegExp][] = [
  ['missing', /modules? (are|is) not loaded|modules cannot be auto-loaded|\/dev\/zfs/i],
  ['denied', /permission denied|must be (superuser|run as root)|insufficient privileges|operation not permitted/i],
  ['exists', /already exists|dataset exists/i],
  ['full', /out of space|no space left|quota exceeded/i],
  ['unavailable', /suspended|i\/o error|read-?only|key (is )?not (loaded|available)|encryption key/i],
  ['absent', ABSENT],
  ['busy', /is busy|\bbusy\b|in use|has children|dependent clones/i],
];

/** Quoted, where an apostrophe inside of a word ends nothing; snapshots are named without quotes as well. */
const NAMES = /(?<!\w)'[^\n]*?'(?!\w)|\S+@\S+/g;

/** What it said, and not what it said it of: a dataset may be called `readonly`. */
export function meaningOf(failure: unknown): Meaning {
  if (!(failure instanceof ZfsFailure)) return 'other';
  const said = failure.reason.replaceAll(NAMES, '…');
  return WORDS.find(([, words]) => words.test(said))?.[0] ?? 'other';
}

/** Whether all that it said is that some of what it was asked for is not there. */
export function isAbsence({ reason }: ZfsFailure): boolean {
  return reason.split('\n').every((line) => ABSENT.test(line));
}

/** Whether a failed call for `all` of these failed for `one`: where it names none of them, for every one. */
export function concerns({ reason }: ZfsFailure, one: string, all: readonly string[]): boolean {
  const isNamed = (name: string): boolean => reason.includes(`'${name}'`);
  return isNamed(one) || !all.some(isNamed);
}

/** The errno's name that Node or our own calls left on an error; an empty string where there is none. */
export function errnoOf(failure: unknown): string {
  if (failure instanceof Error && 'code' in failure && typeof failure.code === 'string') return failure.code;
  return '';
}

const MEANT: Readonly<Partial<Record<Meaning, readonly [ErrorCode, string]>>> = {
  absent: ['VOLUME_UNAVAILABLE', 'is its pool imported, and was it renamed or destroyed?'],
  busy: ['IN_USE', 'see who uses it (`zfs list -t all -o name,origin,userrefs`, fuser -m), then try again'],
  denied: ['DENIED', 'run as root, or have it delegated: the README lists what `zfs allow` must give'],
  exists: ['EXISTS', 'see what it is'],
  full: ['NO_SPACE', 'free some space, or raise the quota'],
  missing: ['DEPENDENCY_MISSING', 'load the kernel module: modprobe zfs'],
  unavailable: ['VOLUME_UNAVAILABLE', 'see `zpool status`'],
};

const REFUSED: Readonly<Record<string, Meaning>> = {
  ENOENT: 'absent',
  ENOTDIR: 'absent',
  ESTALE: 'absent',
  EBUSY: 'busy',
  EACCES: 'denied',
  EPERM: 'denied',
  ENOSPC: 'full',
  EDQUOT: 'full',
  EIO: 'unavailable',
  EROFS: 'unavailable',
  ENXIO: 'unavailable',
};

/** What failed, of which volume, and what to do. SnapcommitErrors pass. */
export function zfsError(
  volume: VolumePlace,
  doing: string,
  subject: string,
  failure: unknown,
  otherwise: ErrorCode = 'UNAVAILABLE',
): Error {
  if (failure instanceof SnapcommitError || failure instanceof TypeError) return failure;
  const errno = errnoOf(failure);
  const [code, advice] = MEANT[errno === '' ? meaningOf(failure) : (REFUSED[errno] ?? 'other')] ?? [
    otherwise,
    'see `zpool status` and the kernel log',
  ];
  const reason = failure instanceof ZfsFailure ? failure.reason : String(failure);
  const message = `volume ${volume.name} (${volume.source}): could not ${doing} ${subject}: ${reason}; ${advice}`;
  return new SnapcommitError(code, message, { volume: volume.name, path: volume.source, subject, errno }, failure);
}

export async function translated<T>(
  volume: VolumePlace,
  doing: string,
  subject: string,
  act: () => Promise<T>,
  otherwise: ErrorCode = 'UNAVAILABLE',
): Promise<T> {
  try {
    return await act();
  } catch (failure) {
    throw zfsError(volume, doing, subject, failure, otherwise);
  }
}

/**
 * The cgroups that commands run in: made below our own cgroup, named `snapcommit-NAME`, ended and removed as a whole.
 * Paths are those below the cgroup2 mount, such as `/system.slice/backup.service/snapcommit-01h`.
 */
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { SnapcommitError } from '../../errors.js';
import { isWithin, readMounts } from '../../native/mountinfo.js';
import { codeOf, sendSignal } from './signals.js';

const PREFIX = 'snapcommit-';
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]*$/;
const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/** Where cgroup2 is mounted, and where we stand below it; null where there is none that shows us. */
export interface CgroupHome {
  readonly mountPoint: string;
  /** Our own cgroup's path below the mount. */
  readonly own: string;
}

export function findCgroupHome(): CgroupHome | null {
  const mount = readMounts('self').find((candidate) => candidate.type === 'cgroup2');
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((candidate) => candidate.startsWith('0::/'));
  if (mount === undefined || line === undefined) return null;
  const path = line.slice('0::'.length);
  // a container can be shown only a part of the tree, or a part that it is not in
  if (!isWithin(path, mount.root)) return null;
  return { mountPoint: mount.mountPoint, own: mount.root === '/' ? path : path.slice(mount.root.length) || '/' };
}

/** Makes the cgroup for `name`. Null where we may not; EXISTS where an earlier command's is still there. */
export function makeCgroup(name: string): string | null {
  if (!NAME.test(name)) throw new SnapcommitError('NAME_INVALID', `${JSON.stringify(name)} cannot name a cgroup`);
  const home = findCgroupHome();
  if (home === null) return null;
  const cgroup = join(home.own, PREFIX + name);
  try {
    // moving a process needs write access here too, where it comes from
    accessSync(join(home.mountPoint, home.own, 'cgroup.procs'), constants.W_OK);
    mkdirSync(join(home.mountPoint, cgroup));
    return cgroup;
  } catch (cause) {
    if (codeOf(cause) !== 'EEXIST') return null;
    const message = `the cgroup ${cgroup} of an earlier command is still there; run snapcommit recover`;
    throw new SnapcommitError('EXISTS', message, { cgroup }, cause);
  }
}

/** The file that a process writes 0 to in order to join. */
export function joinFile(cgroup: string): string {
  return join(directoryOf(cgroup), 'cgroup.procs');
}

/** Every process in the cgroup or below it; none when it is gone. */
export function pidsIn(cgroup: string): readonly number[] {
  return withDescendants(directoryOf(cgroup)).flatMap((directory) => {
    const text = readOrNull(join(directory, 'cgroup.procs')) ?? '';
    return text.split('\n').filter(Boolean).map(Number);
  });
}

/** Sends SIGKILL to everything in the cgroup. What forks meanwhile is caught by the kernel, or by the next call. */
export function killCgroup(cgroup: string): void {
  try {
    writeFileSync(join(directoryOf(cgroup), 'cgroup.kill'), '1', { flag: 'r+' });
  } catch {
    // Linux before 5.14 has no cgroup.kill, and a threaded cgroup refuses it
    for (const pid of pidsIn(cgroup)) sendSignal(pid, 'SIGKILL');
  }
}

/** Ends everything in the cgroup and removes it. A cgroup that is gone is done. IN_USE, naming who will not die, after `waitMs`. */
export async function endCgroup(cgroup: string, waitMs: number): Promise<void> {
  refuseForeign(cgroup);
  const deadline = performance.now() + waitMs;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    if (!existsSync(directoryOf(cgroup))) return;
    killCgroup(cgroup);
    if (isEmpty(cgroup) && removed(cgroup)) return;
    if (performance.now() > deadline) throw stillAlive(cgroup, pidsIn(cgroup));
    await delay(pause);
  }
}

/** All cgroups that were made here, wherever they stand, with the name that was asked for. */
export function listCgroups(): readonly { readonly name: string; readonly cgroup: string }[] {
  const home = findCgroupHome();
  if (home === null) return [];
  return withDescendants(home.mountPoint)
    .filter((directory) => basename(directory).startsWith(PREFIX))
    .map((directory) => ({
      name: basename(directory).slice(PREFIX.length),
      cgroup: directory.slice(home.mountPoint.length),
    }));
}

function refuseForeign(cgroup: string): void {
  const plain = cgroup.startsWith('/') && !cgroup.split('/').includes('..');
  if (!plain || !basename(cgroup).startsWith(PREFIX)) {
    throw new SnapcommitError('CGROUP_INVALID', `${cgroup} is no cgroup of a command's; nothing in it was ended`);
  }
  const own = findCgroupHome()?.own;
  if (own !== undefined && isWithin(own, cgroup)) {
    throw new SnapcommitError('CGROUP_INVALID', `we run in ${cgroup} ourselves; do this from outside of it`);
  }
}

function isEmpty(cgroup: string): boolean {
  const events = readOrNull(join(directoryOf(cgroup), 'cgroup.events'));
  return events === null || events.split('\n').includes('populated 0');
}

function removed(cgroup: string): boolean {
  try {
    for (const directory of withDescendants(directoryOf(cgroup)).toReversed()) rmdirSync(directory);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true;
    if (codeOf(error) === 'EBUSY') return false;
    throw new SnapcommitError('DENIED', `the cgroup ${cgroup} cannot be removed`, { cgroup }, error);
  }
}

function stillAlive(cgroup: string, pids: readonly number[]): SnapcommitError {
  const who = pids.map(String).join(', ') || 'none that we can see';
  const message = `processes in ${cgroup} do not die (pids ${who}); they probably wait for a disk: see /proc/PID/stack, then run snapcommit recover`;
  return new SnapcommitError('IN_USE', message, { cgroup, pids });
}

/** The directory and all below it, parents first. */
function withDescendants(directory: string): readonly string[] {
  try {
    const children = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [directory, ...children.flatMap((child) => withDescendants(join(directory, child.name)))];
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return [];
    if (codeOf(error) === 'EACCES') return [directory];
    throw error;
  }
}

function directoryOf(cgroup: string): string {
  const home = findCgroupHome();
  if (home === null) throw new SnapcommitError('CGROUP_INVALID', `${cgroup} cannot be reached: cgroup2 is not mounted`);
  return join(home.mountPoint, cgroup);
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    // ENODEV: removed between open and read
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENODEV') return null;
    throw error;
  }
}

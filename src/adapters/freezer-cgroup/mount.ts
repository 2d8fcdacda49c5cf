/** Where the cgroup2 hierarchy is mounted, and in which cgroup of it a process is. */
import { readFileSync } from 'node:fs';
import { SnapcommitError } from '../../errors.js';
import { isWithin, readMounts } from '../../native/mountinfo.js';

export interface CgroupMount {
  /** Absolute: `/sys/fs/cgroup` on pure v2 hosts, `/sys/fs/cgroup/unified` on hybrid ones. */
  readonly mountPoint: string;
  /** The part of the hierarchy that is mounted there, `/` nearly always. */
  readonly root: string;
}

/** Finds the cgroup2 mount; UNSUPPORTED where there is none. */
export function findCgroupMount(): CgroupMount {
  const mounts = readMounts('self').filter((mount) => mount.type === 'cgroup2');
  const found = mounts.find((mount) => mount.root === '/') ?? mounts[0];
  if (found === undefined) {
    const advice = 'mount it (mount -t cgroup2 none /sys/fs/cgroup/unified), or commit without --freeze-cgroup';
    throw new SnapcommitError('UNSUPPORTED', `no cgroup2 hierarchy is mounted here; ${advice}`);
  }
  return { mountPoint: found.mountPoint.replace(/\/$/, ''), root: found.root };
}

/** Its cgroup as a path below the mount; null when it lies outside of what is mounted, or the process is gone. */
export function cgroupOf(mount: CgroupMount, process: number | 'self'): string | null {
  const line = readCgroups(process)
    .split('\n')
    .find((each) => each.startsWith('0::'));
  const path = line?.slice('0::'.length);
  if (path === undefined || path.startsWith('/..')) return null;
  if (!isWithin(path, mount.root)) return null;
  return mount.root === '/' ? path : path.slice(mount.root.length) || '/';
}

function readCgroups(process: number | 'self'): string {
  try {
    return readFileSync(`/proc/${String(process)}/cgroup`, 'utf8');
  } catch (error) {
    const isGone = error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH');
    if (process === 'self' || !isGone) throw error;
    return '';
  }
}

/** The directory of a cgroup path. */
export function cgroupDirectory(mount: CgroupMount, cgroup: string): string {
  return cgroup === '/' ? mount.mountPoint : mount.mountPoint + cgroup;
}

/** The mounts of every mount namespace that has a process which we may look at. */
import { readlinkSync } from 'node:fs';
import { isWithin, readMounts, type Mount } from '../../native/mountinfo.js';

export interface Namespace {
  readonly isOurs: boolean;
  /** Every process in it that was asked about. */
  readonly pids: readonly number[];
  readonly mounts: readonly Mount[];
}

export interface MountTables {
  readonly namespaces: readonly Namespace[];
  /** A mount's number is its own in all namespaces. */
  readonly byId: ReadonlyMap<number, Mount>;
  /** The namespace that a process is in; undefined where we may not know. */
  readonly ofProcess: (pid: number) => Namespace | undefined;
}

/** Filesystems on which even a look can wait for a server that is gone. */
const REMOTE = /^(nfs4?|cifs|smb3|9p|ceph|afs|autofs|glusterfs|lustre|fuse(\..*)?)$/;

/** Reads one table a namespace. */
export function readMountTables(pids: readonly number[]): MountTables {
  const ours = namespaceOf('self');
  const members = new Map<string, number[]>(ours === null ? [] : [[ours, []]]);
  for (const pid of pids) {
    const link = namespaceOf(String(pid));
    if (link === null) continue;
    const known = members.get(link);
    if (known === undefined) members.set(link, [pid]);
    else known.push(pid);
  }
  const namespaces: Namespace[] = [];
  const byPid = new Map<number, Namespace>();
  for (const [link, inside] of members) {
    const isOurs = link === ours;
    const namespace = { isOurs, pids: inside, mounts: isOurs ? readMounts('self') : readTable(inside) };
    namespaces.push(namespace);
    for (const pid of inside) byPid.set(pid, namespace);
  }
  const byId = new Map(namespaces.flatMap(({ mounts }) => mounts.map((mount) => [mount.id, mount] as const)));
  return { namespaces, byId, ofProcess: (pid) => byPid.get(pid) };
}

/** Whether following a link that reads `path` could wait for a remote filesystem. */
export function mayHang(namespace: Namespace | undefined, path: string): boolean {
  const under = (namespace?.mounts ?? []).filter((mount) => isWithin(path, mount.mountPoint));
  const nearest = under.reduce<Mount | null>(
    (best, mount) => (best !== null && best.mountPoint.length > mount.mountPoint.length ? best : mount),
    null,
  );
  return nearest !== null && REMOTE.test(nearest.type);
}

function namespaceOf(process: string): string | null {
  try {
    return readlinkSync(`/proc/${process}/ns/mnt`);
  } catch {
    return null; // gone, or another user's
  }
}

/** A process with a root directory of its own is shown only what lies below it: another one's table is better. */
function readTable(pids: readonly number[]): readonly Mount[] {
  let partial: readonly Mount[] = [];
  for (const pid of pids) {
    try {
      const root = readlinkSync(`/proc/${String(pid)}/root`);
      const mounts = readMounts(String(pid));
      if (root === '/') return mounts;
      partial = mounts.map((mount) => ({ ...mount, mountPoint: join(root, mount.mountPoint) }));
    } catch {
      // gone meanwhile: the next one of that namespace will do
    }
  }
  return partial;
}

function join(root: string, path: string): string {
  return path === '/' ? root : root + path;
}

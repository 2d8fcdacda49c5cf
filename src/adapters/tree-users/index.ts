/**
 * Finding who uses a tree (ports/sandbox). One pass over /proc, repeated only for processes that started meanwhile.
 *
 * What it cannot see: other users' processes when we are not root; descriptors on their way between processes or
 * registered with io_uring; a thread that unshared its descriptors from its process; files of a plain directory opened
 * through a hard link outside of it; namespaces that no process is in; kernel servers (nfsd).
 */
import { readdirSync } from 'node:fs';
import type { TreeUser, TreeUsers } from '../../ports/sandbox.js';
import { isWithin } from '../../native/mountinfo.js';
import { kernelUsers } from './kernel-users.js';
import { readMountTables, type MountTables } from './namespaces.js';
import { commandOf, usesOf } from './processes.js';
import { describeTree, type Tree } from './tree.js';

/** New processes are looked at as well; this many rounds of them, for a machine that forks without end. */
const ROUNDS_MAX = 5;

export function createTreeUsers(): TreeUsers {
  return {
    find: (tree, ignorePids) => {
      // no await inside, so that nothing of ours opens or closes files while we look
      try {
        return Promise.resolve(find(tree, new Set(ignorePids)));
      } catch (error) {
        return Promise.reject(error instanceof Error ? error : new Error(String(error)));
      }
    },
  };
}

function find(path: string, ignored: ReadonlySet<number>): readonly TreeUser[] {
  const seen = new Set(ignored);
  const found: TreeUser[] = [];
  let pids = readPids();
  for (let round = 1; ; round += 1) {
    // of all processes, ignored ones too: a descriptor can come from another namespace than its holder's
    const tables = readMountTables(pids);
    const tree = describeTree(path, tables);
    for (const pid of pids) {
      if (seen.has(pid)) continue;
      seen.add(pid);
      for (const use of usesOf(pid, tree, tables)) found.push({ pid, command: commandOf(pid), ...use });
    }
    pids = readPids();
    if (round === ROUNDS_MAX || pids.every((pid) => seen.has(pid))) {
      return [...found, ...mountUsers(tree, tables, ignored), ...kernelUsers(tree)];
    }
  }
}

/** Mounts that show the tree, or a part of it, at another place than its own path. The pid is 0 in our own namespace. */
function mountUsers(tree: Tree, tables: MountTables, ignored: ReadonlySet<number>): readonly TreeUser[] {
  return tables.namespaces.flatMap(({ isOurs, pids, mounts }) => {
    const pid = isOurs ? 0 : pids.find((candidate) => !ignored.has(candidate));
    if (pid === undefined) return [];
    return mounts
      .filter((mount) => mount.device === tree.device && isWithin(mount.root, tree.inside))
      .filter((mount) => mount.mountPoint !== tree.path)
      .map((mount) => ({ pid, command: isOurs ? 'mount' : commandOf(pid), use: 'mount', path: mount.mountPoint }));
  });
}

function readPids(): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

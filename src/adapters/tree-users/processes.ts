/**
 * What one process uses of a tree: descriptors, working and root directory, mappings. A process that is gone, or
 * another user's, uses nothing that we can see.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { basename } from 'node:path';
import type { TreeUser } from '../../ports/sandbox.js';
import { mappedFiles } from './mappings.js';
import { mayHang, type MountTables } from './namespaces.js';
import { belongs, mountIdOf, reach, type Tree } from './tree.js';

export type Use = Pick<TreeUser, 'use' | 'path'>;

/** Everything that the process `pid` uses of the tree, each use and path once. */
export function usesOf(pid: number, tree: Tree, tables: MountTables): readonly Use[] {
  const directory = taskDirectory(pid);
  if (directory === null) return [];
  const found = [
    ...openFiles(directory, tree, tables),
    ...directories(pid, directory, tree, tables),
    ...mappedFiles(directory, tree, tables).map((path) => ({ use: 'mapping', path })),
  ];
  return [...new Map(found.map((use) => [`${use.use} ${use.path}`, use])).values()];
}

/** /proc/PID; where the main thread has ended before the others, one of those. */
function taskDirectory(pid: number): string | null {
  const main = `/proc/${String(pid)}`;
  if (attempt(() => readlinkSync(`${main}/cwd`), 'unreadable') !== null) return main;
  const threads = attempt(() => readdirSync(`${main}/task`), null) ?? [];
  const alive = threads.find((thread) => attempt(() => readlinkSync(`${main}/task/${thread}/cwd`), null) !== null);
  return alive === undefined ? null : `${main}/task/${alive}`;
}

function openFiles(directory: string, tree: Tree, tables: MountTables): readonly Use[] {
  const names = attempt(() => readdirSync(`${directory}/fd`), null) ?? [];
  return names.flatMap((name) => {
    const link = `${directory}/fd/${name}`;
    const path = attempt(() => readlinkSync(link), null);
    // sockets, pipes and the like read `socket:[1]`
    if (path?.startsWith('/') !== true) return [];
    const mine = attempt(() => {
      const mountId = mountIdOf(`${directory}/fdinfo/${name}`);
      return belongs(tree, { link, path, mountId }, tables);
    }, null);
    return mine === true ? [{ use: 'open file', path }] : [];
  });
}

function directories(pid: number, directory: string, tree: Tree, tables: MountTables): readonly Use[] {
  const kinds = [
    ['cwd', 'working directory'],
    ['root', 'root directory'],
  ] as const;
  return kinds.flatMap(([name, use]) => {
    const link = `${directory}/${name}`;
    const path = attempt(() => readlinkSync(link), null);
    if (path === null || mayHang(tables.ofProcess(pid), path)) return [];
    return attempt(() => belongs(tree, reach(link), tables), null) === true ? [{ use, path }] : [];
  });
}

/** The name of the running program. */
export function commandOf(pid: number): string {
  const directory = `/proc/${String(pid)}`;
  const name = attempt(() => readFileSync(`${directory}/comm`, 'utf8').trim(), null) ?? '';
  // Node 24 calls the first thread of every program so, and the thread's name is what the kernel tells.
  if (name !== 'MainThread') return name;
  return attempt(() => basename(readlinkSync(`${directory}/exe`)), null) ?? name;
}

/** Runs a look into /proc: null when the process (or that part of it) is gone, `denied` when we may not look. */
function attempt<T, D>(look: () => T, denied: D): T | D | null {
  try {
    return look();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EACCES' || code === 'EPERM') return denied;
    return null;
  }
}

/**
 * The files of a tree that a process has mapped, with or without a descriptor. The table of mappings names the
 * superblock's device (on btrfs all subvolumes share it), so each candidate is looked up through map_files, which only
 * root may follow; without root by its path.
 */
import { readFileSync, statSync } from 'node:fs';
import { isWithin } from '../../native/mountinfo.js';
import type { MountTables } from './namespaces.js';
import { belongs, insidePath, reach, type Tree } from './tree.js';

interface Mapping {
  /** `start-end`, hexadecimal, as map_files names it. */
  readonly range: string;
  readonly inode: number;
  readonly path: string;
}

const DELETED = ' (deleted)';

/** Paths as the process sees them. `directory` is /proc/PID or /proc/PID/task/TID. */
export function mappedFiles(directory: string, tree: Tree, tables: MountTables): readonly string[] {
  const candidates = readCandidates(directory, tree).filter(
    (mapping) => tree.isSubvolume || couldLieIn(tree, mapping.path, tables),
  );
  return candidates.filter((mapping) => isMine(directory, mapping, tree, tables)).map((mapping) => mapping.path);
}

function isMine(directory: string, mapping: Mapping, tree: Tree, tables: MountTables): boolean {
  try {
    return belongs(tree, reach(`${directory}/map_files/${normalRange(mapping.range)}`), tables);
  } catch {
    return isMineByPath(directory, mapping, tree, tables);
  }
}

/** Without root: the path says it, and where that leads to the mapped file still, the file. */
function isMineByPath(directory: string, mapping: Mapping, tree: Tree, tables: MountTables): boolean {
  if (!mapping.path.endsWith(DELETED)) {
    try {
      const found = statSync(`${directory}/root${mapping.path}`);
      if (found.ino === mapping.inode && tree.isSubvolume) return found.dev === tree.fileDevice;
    } catch {
      // not to be reached from here: judge by the path alone
    }
  }
  return couldLieIn(tree, mapping.path, tables);
}

/** Whether some mount of the tree's filesystem would show a file of the tree at that path. */
function couldLieIn(tree: Tree, path: string, tables: MountTables): boolean {
  for (const mount of tables.byId.values()) {
    if (mount.device !== tree.device || !isWithin(path, mount.mountPoint)) continue;
    if (isWithin(insidePath(mount, path), tree.inside)) return true;
  }
  return false;
}

/** Every file of the tree's superblock in the table, once. */
function readCandidates(directory: string, tree: Tree): readonly Mapping[] {
  let text: string;
  try {
    // latin1 keeps the search cheap; the paths found are decoded below
    text = readFileSync(`${directory}/maps`, 'latin1');
  } catch {
    return [];
  }
  const device = ` ${hexadecimal(tree.device)} `;
  const found = new Map<string, Mapping>();
  for (let at = text.indexOf(device); at !== -1; at = text.indexOf(device, at + 1)) {
    const end = text.indexOf('\n', at);
    const line = text.slice(text.lastIndexOf('\n', at) + 1, end === -1 ? undefined : end);
    const mapping = parseLine(line);
    if (mapping !== null) found.set(`${String(mapping.inode)} ${mapping.path}`, mapping);
  }
  return [...found.values()];
}

/** `start-end perms offset device inode   path` */
function parseLine(line: string): Mapping | null {
  const parts = /^([0-9a-f]+-[0-9a-f]+) \S+ \S+ \S+ (\d+) +(\/.*)$/.exec(line);
  const [, range, inode, path] = parts ?? [];
  if (range === undefined || inode === undefined || path === undefined) return null;
  const name = Buffer.from(path, 'latin1').toString('utf8').replaceAll('\\012', '\n');
  return { range, inode: Number(inode), path: name };
}

/** maps pads short addresses with zeros, map_files does not. */
function normalRange(range: string): string {
  return range.replace(/\b0+(?=[0-9a-f])/g, '');
}

/** `254:0` as the table of mappings writes it: `fe:00`. */
function hexadecimal(device: string): string {
  return device
    .split(':')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':');
}

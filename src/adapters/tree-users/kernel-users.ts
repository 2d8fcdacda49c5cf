/** Uses of a tree by the kernel itself, which no process shows: files behind loop devices, swap files. */
import { readdirSync, readFileSync } from 'node:fs';
import type { TreeUser } from '../../ports/sandbox.js';
import { isWithin } from '../../native/mountinfo.js';
import type { Tree } from './tree.js';

/** By path, as the kernel shows it to us; the pid is 0. */
export function kernelUsers(tree: Tree): readonly TreeUser[] {
  const loops = namesIn('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .map((name) => ({ command: name, path: textOf(`/sys/block/${name}/loop/backing_file`).trimEnd() }));
  const swaps = textOf('/proc/swaps')
    .split('\n')
    .slice(1)
    .map((line) => ({ command: 'swap', path: line.split(/\s/)[0] ?? '' }));
  return [...loops, ...swaps]
    .filter(({ path }) => path !== '' && isWithin(path, tree.path))
    .map(({ command, path }) => ({ pid: 0, command, use: 'open file', path }));
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // a loop device that is free has no backing file
  }
}

/** Walking one tree, in the order of every walk (native/path-bytes), never following symlinks, never leaving it. */
import type { BigIntStats } from 'node:fs';
import { lstat, type FileHandle } from 'node:fs/promises';
import { childPath, handlePath, openDirectory, readNames } from '../../native/at.js';
import { errnoOf, TreeAccessError } from './failures.js';

export interface Visit {
  /** From the tree's root, `.` for the root itself; as text (see renderBytes). */
  readonly path: string;
  /** Where to open or read it, valid until the next step. */
  readonly location: Buffer;
  readonly status: BigIntStats;
}

/** Every entry of the tree, a directory before its content. What vanishes meanwhile is left out. `shown` names it in errors. */
export async function* walkTree(tree: string, shown = tree): AsyncGenerator<Visit, void, undefined> {
  const root = await openDirectory(tree);
  try {
    yield { path: '.', location: Buffer.from(handlePath(root) + '/.'), status: await root.stat({ bigint: true }) };
    yield* walkDirectory(root, shown, '');
  } finally {
    await root.close();
  }
}

async function* walkDirectory(
  directory: FileHandle,
  tree: string,
  prefix: string,
): AsyncGenerator<Visit, void, undefined> {
  for (const name of await readNames(directory)) {
    const location = childPath(directory, name.bytes);
    const path = prefix + name.text;
    const whenMissing = nullWhenMissing(`${tree}/${path}`);
    const status = await lstat(location, { bigint: true }).catch(whenMissing);
    if (status === null) continue;
    yield { path, location, status };
    if (!status.isDirectory()) continue;
    const child = await openDirectory(location).catch(whenMissing);
    if (child === null) continue;
    try {
      yield* walkDirectory(child, tree, `${path}/`);
    } finally {
      await child.close();
    }
  }
}

/** What vanished meanwhile is null; anything else is an error that names the path. */
function nullWhenMissing(path: string): (error: unknown) => null {
  return (error) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error))) return null;
    throw new TreeAccessError(path, error);
  };
}

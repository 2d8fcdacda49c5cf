/**
 * A node's small files in memory, for simulation and tests. The end of a process loses nothing; a loss of power loses every
 * name that was not synced since it was made, renamed or removed, but for some that happened to reach the disk.
 */
import { basename, dirname, join } from 'node:path';
import type { NodeFiles } from '../ports/node-files.js';

interface Leaf {
  readonly kind: 'file' | 'link';
  readonly text: string;
}

interface Directory {
  readonly kind: 'directory';
  /** As programs see it. */
  names: Map<string, Leaf | Directory>;
  /** What a loss of power leaves at least. */
  durable: Map<string, Leaf | Directory>;
  /** Names that are not durable as they are, with the number of their last change. */
  changed: Map<string, number>;
}

export interface MemoryNodeFiles extends NodeFiles {
  /** Makes a directory and those above it, durably. */
  addDirectory(path: string): void;
  /** Makes everything below the directory durable, as a sync of its filesystem does. */
  syncTree(path: string): void;
  /** What stands there now: the text of a file or a link, the names in a directory, or null. */
  peek(path: string): string | readonly string[] | null;
  /** Every change below the directory fails with this errno, such as ENOSPC or EROFS, until it is null. */
  refuseChanges(directory: string, errno: string | null): void;
  /**
   * Power loss. Of the changes that are not durable, in order, the first `kept` reached the disk all the same, as a journal
   * would have it; by default none did.
   */
  crash(kept?: (pending: number) => number): void;
}

/** The directories of one machine. Its calls act at once, and throw what the system would answer. */
class Tree {
  readonly #root = newDirectory();
  readonly #refused = new Map<string, string>();
  #changes = 0;

  find(path: string): Leaf | Directory | null {
    let found: Leaf | Directory | undefined = this.#root;
    for (const name of partsOf(path)) {
      if (found.kind !== 'directory') throw failure('ENOTDIR', path);
      found = found.names.get(name);
      if (found === undefined) return null;
    }
    return found;
  }

  directory(path: string): Directory {
    const found = this.find(path);
    if (found === null) throw failure('ENOENT', path);
    if (found.kind !== 'directory') throw failure('ENOTDIR', path);
    return found;
  }

  put(path: string, entry: Leaf | Directory): void {
    const { names, changed } = this.#changing(path);
    names.set(basename(path), entry);
    changed.set(basename(path), (this.#changes += 1));
  }

  remove(path: string): void {
    if (this.find(path) === null) return;
    const { names, changed } = this.#changing(path);
    names.delete(basename(path));
    changed.set(basename(path), (this.#changes += 1));
  }

  sync(path: string): void {
    syncNames(this.directory(path));
  }

  refuseChanges(directory: string, errno: string | null): void {
    if (errno === null) this.#refused.delete(directory);
    else this.#refused.set(directory, errno);
  }

  #changing(path: string): Directory {
    for (const [directory, errno] of this.#refused) if (path.startsWith(`${directory}/`)) throw failure(errno, path);
    return this.directory(dirname(path));
  }
}

export function createMemoryNodeFiles(): MemoryNodeFiles {
  const tree = new Tree();
  return {
    readLink: later((path: string) => {
      const found = tree.find(path);
      if (found !== null && found.kind !== 'link') throw failure('EINVAL', path);
      return found?.text ?? null;
    }),
    readText: later((path: string) => {
      const found = tree.find(path);
      if (found?.kind === 'directory') throw failure('EISDIR', path);
      return found?.text ?? null;
    }),
    listNames: later((path: string) => (tree.find(path) === null ? [] : [...tree.directory(path).names.keys()].sort())),
    replaceLink: later((directory: string, name: string, target: string) => {
      tree.put(join(directory, name), { kind: 'link', text: target });
    }),
    replaceFile: later((path: string, text: string) => {
      tree.put(path, { kind: 'file', text });
    }),
    makeDirectory: later((path: string) => {
      if (tree.find(path) !== null) return false;
      tree.put(path, newDirectory());
      return true;
    }),
    removeFile: later((path: string) => {
      if (tree.find(path)?.kind === 'directory') throw failure('EISDIR', path);
      tree.remove(path);
    }),
    removeTree: later((path: string) => {
      tree.remove(path);
    }),
    withOwned: async (directory, act) => act(directory),
    writeDurably: later((path: string, text: string) => {
      tree.put(path, { kind: 'file', text });
      tree.sync(dirname(path));
    }),
    removeDurably: later((path: string) => {
      if (tree.find(path) === null) return;
      tree.remove(path);
      tree.sync(dirname(path));
    }),
    syncDirectory: later((path: string) => {
      tree.sync(path);
    }),

    addDirectory: (path) => {
      for (const above of ancestors(path)) {
        if (tree.find(above) !== null) continue;
        tree.put(above, newDirectory());
        tree.sync(dirname(above));
      }
    },
    syncTree: (path) => {
      syncBelow(tree.directory(path));
    },
    peek: (path) => {
      const found = tree.find(path);
      return found?.kind === 'directory' ? [...found.names.keys()].sort() : (found?.text ?? null);
    },
    refuseChanges: (directory, errno) => {
      tree.refuseChanges(directory, errno);
    },
    crash: (kept = () => 0) => {
      const root = tree.directory('/');
      const pending = pendingBelow(root).toSorted((a, b) => a.number - b.number);
      for (const { directory, name } of pending.slice(0, kept(pending.length))) reach(directory, name);
      lose(root);
    },
  };
}

function newDirectory(): Directory {
  return { kind: 'directory', names: new Map(), durable: new Map(), changed: new Map() };
}

/** `/a/b` gives `/a` and `/a/b`. */
function ancestors(path: string): readonly string[] {
  return partsOf(path).map((_, index, parts) => `/${parts.slice(0, index + 1).join('/')}`);
}

function partsOf(path: string): readonly string[] {
  return path.split('/').filter((part) => part !== '');
}

function syncNames(directory: Directory): void {
  directory.durable = new Map(directory.names);
  directory.changed.clear();
}

function syncBelow(directory: Directory): void {
  syncNames(directory);
  for (const entry of directory.names.values()) if (entry.kind === 'directory') syncBelow(entry);
}

interface PendingName {
  readonly directory: Directory;
  readonly name: string;
  readonly number: number;
}

function pendingBelow(directory: Directory): readonly PendingName[] {
  const own = [...directory.changed].map(([name, number]): PendingName => ({ directory, name, number }));
  const below = [...directory.names.values()].flatMap((entry) =>
    entry.kind === 'directory' ? pendingBelow(entry) : [],
  );
  return [...own, ...below];
}

function reach({ names, durable }: Directory, name: string): void {
  const seen = names.get(name);
  if (seen === undefined) durable.delete(name);
  else durable.set(name, seen);
}

function lose(directory: Directory): void {
  directory.names = new Map(directory.durable);
  directory.changed.clear();
  for (const entry of directory.names.values()) if (entry.kind === 'directory') lose(entry);
}

function failure(errno: string, path: string): Error {
  return Object.assign(new Error(`${errno}: ${path}`), { code: errno });
}

/** As a call that answers later: what it throws becomes a rejection. */
function later<A extends readonly unknown[], R>(act: (...given: A) => R): (...given: A) => Promise<R> {
  return async (...given) => Promise.resolve().then(() => act(...given));
}

/**
 * The small files and links that a node keeps beside its volumes and in its state directory: stamps, manifests, views, debts.
 * Types only. Paths are absolute.
 *
 * A change is visible when its call resolves, and survives the end of the process from then on. It survives a loss of power
 * only once it is durable: at once where the call says so, otherwise with the next sync of its directory, or of the whole
 * filesystem by the volume's driver. What is renamed over is there before or after, never half.
 */
export interface NodeFiles {
  /** What the link says, or null where nothing has that name. Rejects with EINVAL where it is no link. */
  readLink(path: string): Promise<string | null>;
  /** The content as text, or null where nothing has that name. */
  readText(path: string): Promise<string | null>;
  /** The names in a directory; none where it is missing. */
  listNames(directory: string): Promise<readonly string[]>;

  /** Makes `name` a link to `target`, by one rename. Durable with its directory. */
  replaceLink(directory: string, name: string, target: string): Promise<void>;
  /** Writes the whole file, for everybody to read: its content is durable before it has its name, the name with its directory. */
  replaceFile(path: string, text: string): Promise<void>;
  /** False where it stood already. Durable with its parent. */
  makeDirectory(path: string): Promise<boolean>;
  /** A file or a link; one that is gone is no error. Durable with its directory. */
  removeFile(path: string): Promise<void>;
  /** All below it, too; what is gone is no error. */
  removeTree(path: string): Promise<void>;

  /**
   * Acts in a directory of root's or of ours: `here` is its path while `act` runs, wherever its name is led meanwhile. Rejects,
   * without acting, with ELOOP where a symlink leads there that others could have made, and with SOURCE_INVALID where it is
   * somebody else's. Whatever is written beside a volume's snapshots is written so.
   */
  withOwned<T>(directory: string, act: (here: string) => Promise<T>): Promise<T>;

  /** Writes the whole file, for its owner alone to read; durable when it resolves. */
  writeDurably(path: string, text: string): Promise<void>;
  /** Durable when it resolves; a file that is gone is no error. */
  removeDurably(path: string): Promise<void>;
  /** Makes every name in the directory durable. */
  syncDirectory(path: string): Promise<void>;
}

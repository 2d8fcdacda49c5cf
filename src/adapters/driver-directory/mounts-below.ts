/** Which mount points lie inside a tree, and whether two paths are reached through one mount, by /proc/self/mountinfo. */
import { readFile } from 'node:fs/promises';

export interface Mount {
  readonly id: string;
  readonly path: string;
}

/** Mounts in the order in which they were made: a later one covers an earlier one at the same place. */
export async function readMounts(): Promise<readonly Mount[]> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const fields = line.split(' ');
      return { id: fields[0] ?? '', path: unescapeMount(fields[4] ?? '') };
    });
}

/** The kernel writes space, tab, newline and backslash as three octal digits. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

export function mountsBelow(mounts: readonly Mount[], tree: string): readonly string[] {
  return mounts.map((mount) => mount.path).filter((path) => path.startsWith(tree === '/' ? '/' : `${tree}/`));
}

/** The mount that `path` is looked up in. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  return mounts
    .filter((mount) => mount.path === '/' || mount.path === path || path.startsWith(`${mount.path}/`))
    .reduce<Mount | undefined>(
      (best, mount) => (best === undefined || mount.path.length >= best.path.length ? mount : best),
      undefined,
    );
}

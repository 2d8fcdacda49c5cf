/**
 * Filesystems that the kernel's NFS server exports: nfsd is not frozen with the writers' cgroups, so its clients can
 * write through a barrier (T15).
 */
import type { NodeFiles } from '../ports/node-files.js';

/** What clients have asked for since nfsd knows of it, and all that exportfs(8) has told it that they may. */
const TABLES = ['/proc/fs/nfsd/exports', '/var/lib/nfs/etab'];

/** The first export that holds one of these trees or lies in one; null where there is none. */
export async function findExported(
  files: NodeFiles,
  sources: readonly string[],
  tables: readonly string[] = TABLES,
): Promise<string | null> {
  const texts = await Promise.all(tables.map(async (table) => files.readText(table).catch(() => null)));
  const exported = texts
    .flatMap((text) => (text ?? '').split('\n'))
    .filter((line) => line.startsWith('/'))
    .map((line) => unescapeOctal(line.split(/\s/)[0] ?? ''));
  return exported.find((path) => sources.some((source) => isInside(source, path) || isInside(path, source))) ?? null;
}

function isInside(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}
